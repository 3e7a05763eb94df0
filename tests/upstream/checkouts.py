"""Makes checkouts that look like upstream's two branches, and runs commands in them.

The look-alikes have upstream's public names, signatures and faults; all their lines are this
project's. Their networks and data sets are small, and train and test. `lookalike/common` holds the
files that the branches share, `lookalike/main` and `lookalike/patch2` the files of each. Some files
end as real ones do (without a newline, with blank lines, with CRLF), because the script that
appends to them has to restore that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

BRANCHES = ("main", "haooooooqi-patch-2")

_HERE = Path(__file__).parent
_DEFAULTS = _HERE.parent / "reference"
_GIT = ("git", "-c", "user.name=lookalike", "-c", "user.email=lookalike@localhost")


def make_checkout(folder: Path, branch: str) -> Path:
    """Makes a checkout of one of BRANCHES, and commits it if git is installed.

    Args:
        folder: a folder that is empty or does not exist.
        branch: the branch.

    Returns:
        The folder.
    """
    folder = Path(folder)
    own = "main" if branch == "main" else "patch2"
    for part in ("common", own):
        shutil.copytree(
            _HERE / "lookalike" / part,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (folder / "gitignore").rename(folder / ".gitignore")
    keys = _DEFAULTS / f"config_defaults_{branch}.json"
    shutil.copyfile(keys, folder / "slowfast" / "config" / "keys.json")
    _end_oddly(folder / "slowfast")
    if shutil.which("git"):
        for step in (("init", "-q"), ("add", "-A"), ("commit", "-qm", branch)):
            subprocess.run([*_GIT, *step], cwd=folder, check=True)
    return folder


def _end_oddly(package: Path) -> None:
    """Gives files the endings that real ones have."""
    no_newline = package / "datasets" / "__init__.py"
    no_newline.write_bytes(no_newline.read_bytes().rstrip(b"\n"))
    blank_lines = package / "utils" / "meters.py"
    blank_lines.write_bytes(blank_lines.read_bytes() + b"\n\n")
    crlf = package / "models" / "losses.py"
    crlf.write_bytes(crlf.read_bytes().replace(b"\n", b"\r\n"))


def run_in(checkout: Path, *command: object, **env: object) -> subprocess.CompletedProcess:
    """Runs a command in a checkout whose package is imported; `python` is this Python.

    Args:
        env: further environment variables; None removes one.

    Returns:
        The result, with the output as text; a status other than 0 raises nothing.
    """
    words = [str(word) for word in command]
    if words[0] == "python":
        words[0] = sys.executable
    here = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "GIT_CEILING_DIRECTORIES": "/"}
    variables = {**os.environ, **here, **env}
    variables = {name: str(value) for name, value in variables.items() if value is not None}
    return subprocess.run(
        words, cwd=checkout, env=variables, capture_output=True, text=True, timeout=900
    )
