"""Runs `tools/run_net.py` in a process of its own, and reads the figures that it logs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.step_parts.settings import Overrides, as_options
from slowfast.ak.errors import UserError
from slowfast.utils.files.stats_line import FILE, read_line

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "AK" / "DEMO.yaml"


def command(cfg_file: Path, folder: Path, overrides: Overrides) -> list[str]:
    """Returns the command line of a run that writes to `folder`."""
    options = as_options({"OUTPUT_DIR": folder, "LOG_MODEL_INFO": False} | overrides)
    program = ROOT / "tools" / "run_net.py"
    return [sys.executable, str(program), "--cfg", str(cfg_file), "--opts", *options]


def run_net(cfg_file: Path, folder: Path, overrides: Overrides) -> None:
    """Makes a run and waits for its end.

    Raises:
        UserError: the run failed; the text has the end of its output.
    """
    done = subprocess.run(
        command(cfg_file, folder, overrides), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{cfg_file}: tools/run_net.py failed:\n{done.stderr.strip()[-2000:]}")


def figures(folder: Path, kind: str = "") -> list[dict[str, Any]]:
    """Returns the lines of json_stats.log; with `kind`, the lines of that `_type`.

    There are none if the file is missing. A last line that is not complete is left out.
    """
    path = folder / FILE
    lines = [read_line(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line and (not kind or line.get("_type") == kind)]
