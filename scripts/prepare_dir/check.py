"""Finds out for --check which `slowfast` is imported, and whether it works.

Python puts the folder of a program, here `tools/`, first on its path, and not the checkout. So
without PYTHONPATH a program in `tools/` imports the `slowfast` that is installed, perhaps another.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

# Packages that upstream and slowfast.ak import before the check can begin.
_NEEDED_TO_BEGIN = ("torch", "numpy", "iopath", "fvcore")
_OLDEST_PYTHON = (3, 10)
_FIND = """
import importlib.util, os, sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]
if found := importlib.util.find_spec("slowfast"):
    path = found.origin or list(found.submodule_search_locations)[0]
    sys.stdout.buffer.write(os.fsencode(path))
"""


def imported(root: Path) -> str:
    """Returns, in words, which package `python tools/run_net.py` would import."""
    command = [sys.executable, "-c", _FIND, str(root / "tools")]
    found = os.fsdecode(subprocess.run(command, cwd=root, stdout=subprocess.PIPE).stdout)
    remedy = f"export PYTHONPATH={shlex.quote(str(root))}"
    if not found:
        return f"`python tools/run_net.py` finds no slowfast; set its path: {remedy}"
    if os.path.realpath(found).startswith(os.path.realpath(root / "slowfast") + os.sep):
        return "`python tools/run_net.py` imports the slowfast of this checkout."
    return f"`python tools/run_net.py` imports {found}, not this checkout; set its path: {remedy}"


def too_old() -> str:
    """Returns, in words, that this Python is too old for slowfast.ak; empty if it is not."""
    if sys.version_info >= _OLDEST_PYTHON:
        return ""
    found, needed = (".".join(map(str, it[:2])) for it in (sys.version_info, _OLDEST_PYTHON))
    return f"{sys.executable} is Python {found}; the checkout's programs need {needed} or newer."


def run(root: Path) -> int:
    """Runs the check of slowfast.ak in the checkout; returns 1 if it found a fault, else 0."""
    if too_old():
        print(too_old())
        return 1
    missing = [name for name in _NEEDED_TO_BEGIN if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"{sys.executable} has no {', '.join(missing)}, which the check needs: "
            f"{shlex.quote(sys.executable)} -m pip install -r slowfast/ak/requirements.txt"
        )
        return 1
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "slowfast.ak.upstream.check"]
    return int(subprocess.run(command, cwd=root, env=environment).returncode != 0)
