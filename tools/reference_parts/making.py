"""Runs `measure` with a checkout's code and yields its results file by file.

The checkout's code runs in a process of its own. Its path begins with the checkout and lacks this
project's `slowfast`. If the process dies, for example out of memory, only one file is lost.
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
    """The result for a file: the new content, or why making it failed or was skipped."""

    name: str
    seconds: float
    made: Made | None = None
    failed: str = ""
    skipped: str = ""


def make(checkout: Path, cases: Path, names: list[str]) -> Iterator[Result]:
    """Makes files one after the other with the code of a checkout.

    Args:
        checkout: the folder of the checkout.
        cases: the folder of the existing files, whose inputs are the cases.
        names: the files to make, relative to `cases`.

    Raises:
        UserError: the folder is no checkout, or its code cannot be imported.
    """
    if not (checkout / "slowfast/config/defaults.py").is_file():
        raise UserError(
            f"{checkout}: found no slowfast/config/defaults.py, which a SlowFast checkout has; "
            "give the root of one as --upstream."
        )
    while names:
        done = 0
        for result in _one_process(checkout.resolve(), cases.resolve(), names):
            done += 1
            yield result
        names = names[done:]


def _one_process(checkout: Path, cases: Path, names: list[str]) -> Iterator[Result]:
    """Yields the results of one process until it ends; at least one."""
    behind = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    path = os.pathsep.join([str(checkout), str(Path(__file__).parents[1]), *behind])
    command = [sys.executable, "-m", f"{__package__}.measure", str(cases), *names]
    # Nothing is written into the checkout, not even bytecode.
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
            "upstream runs on current libraries after scripts/prepare_dir_AR.sh."
        )
    package = Path(json.loads(line)["package"])
    if package.resolve() != (checkout / "slowfast").resolve():
        raise UserError(
            f"{checkout}: expected to import its slowfast, and imported {package}; remove that "
            "from the environment."
        )


def _last_line(words: Any) -> str:
    words.seek(0)
    lines = [line for line in words.read().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
