"""Runs every test with the marker `cuda`."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from cuda_parts.part import ROOT, Failed, Findings, Part, Work


def _run(work: Work) -> Findings:
    if not find_spec("pytest"):
        raise Failed("this Python has no pytest; install it: python -m pip install pytest")
    # Only these files are collected: others may import packages that are missing here.
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if _has_marker(path)]
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "-p", "no:cacheprovider", "-rf"]
    done = subprocess.run(
        [*command, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr)
    summary = re.findall(r"^(?:=+ )?(\d+ \w+.*? in [\d.]+s.*?)(?: =+)?$", done.stdout, re.MULTILINE)
    counts = summary[-1] if summary else "pytest printed no summary"
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    yield from (f"- failed: `{name}`" for name in failed)
    skipped_on_gpu = work.on_gpu and "skipped" in counts
    if done.returncode or skipped_on_gpu:
        raise Failed(f"{counts}; {len(files)} files")
    return f"{counts}; {len(files)} files"


def _has_marker(path: Path) -> bool:
    return "pytest.mark.cuda" in path.read_text(encoding="utf-8")


PART = Part("tests", "every test with the marker `cuda` passes", 70, _run)
