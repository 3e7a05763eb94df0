"""Runs `measure` with a checkout's code, and hands over what it makes, file by file.

Notable: the checkout's code runs in a process of its own, in whose path the checkout comes first
and this tree's `slowfast` is not. A process that dies, out of memory say, costs one file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError

from .files import Made


@dataclass(frozen=True)
class Result:
    """What became of a file: what was made; or why it could not be; or why it is not this
    checkout's to make."""

    name: str
    seconds: float
    made: Made | None = None
    failed: str = ""
    skipped: str = ""


def make(checkout: Path, cases: Path, names: list[str]) -> Iterator[Result]:
    """Make files one after the other with the code of a checkout.

    Args:
        cases: the folder of files whose inputs are taken.
        names: of those to make, relative to it.

    Raises:
        UserError: the folder is no checkout, or its code cannot be imported.
    """
    if not (checkout / "slowfast/config/defaults.py").is_file():
        raise UserError(
            f"{checkout}: no SlowFast checkout, which has slowfast/config/defaults.py; give its "
            "root as --upstream."
        )
    while names:
        done = 0
        for result in _one_process(checkout.resolve(), cases.resolve(), names):
            done += 1
            yield result
        names = names[done:]


def _one_process(checkout: Path, cases: Path, names: list[str]) -> Iterator[Result]:
    """As many files as one process makes before it ends; at least one."""
    behind = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    path = os.pathsep.join([str(checkout), str(Path(__file__).parents[1]), *behind])
    command = [sys.executable, "-m", f"{__package__}.measure", str(cases), *names]
    # Nothing is to be left in the checkout, bytecode neither.
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        tempfile.TemporaryFile("w+") as words,
        subprocess.Popen(
            command, cwd=checkout, env=variables, stdout=subprocess.PIPE, stderr=words, text=True
        ) as process,
    ):
        try:
            _check_start(checkout, process.stdout.readline(), words)
            for name in names:
                start = time.monotonic()
                line = process.stdout.readline()
                seconds = time.monotonic() - start
                if not line:
                    end = f"its process ended with status {process.wait()}: {_last_line(words)}"
                    yield Result(name, seconds, failed=end)
                    return
                answer = json.loads(line)
                if "made" in answer:
                    answer["made"] = Made(*answer["made"])
                yield Result(name, seconds, **answer)
        finally:
            process.kill()


def _check_start(checkout: Path, line: str, words: Any) -> None:
    if not line:
        raise UserError(
            f"{checkout}: its code cannot be imported ({_last_line(words)}). A checkout of "
            "upstream runs on current libraries once scripts/prepare_dir_AR.sh was applied to it."
        )
    package = Path(json.loads(line)["package"])
    if package.resolve() != (checkout / "slowfast").resolve():
        raise UserError(
            f"{checkout}: its slowfast was to be imported, and {package} was; take that out of the "
            "environment."
        )


def _last_line(words: Any) -> str:
    words.seek(0)
    lines = [line for line in words.read().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
