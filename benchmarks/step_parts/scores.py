"""The mAP of one checkpoint under each setting, as `tools/run_net.py` measures it.

Without a checkpoint a small SlowFast is trained on drawn clips first, which takes minutes and is
kept: what is compared is not how good it is, but that no setting changes what it scores.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.step_parts.settings import PLAIN, Overrides, as_options
from slowfast.ak.errors import UserError
from slowfast.data_tools import demo_data

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "AK" / "DEMO.yaml"
EPOCHS = 8


def draw_clips(folder: Path) -> Overrides:
    """The demo data, drawn where they lack; how a configuration finds them."""
    demo_data.make_demo_data(folder, demo_data.make_settings(0, None, "standard"))
    return {
        "DATA.PATH_TO_DATA_DIR": folder / "annot",
        "DATA.PATH_PREFIX": folder / "image",
    }


def trained(folder: Path, places: Overrides) -> Path:
    """A checkpoint of DEMO.yaml after some epochs, all settings plain."""
    found = folder / "checkpoints" / f"checkpoint_epoch_{EPOCHS:05d}.pyth"
    if not found.exists():
        schedule = {"SOLVER.MAX_EPOCH": EPOCHS, "SOLVER.WARMUP_EPOCHS": 1, "TEST.ENABLE": False}
        _run(DEMO, folder, PLAIN | places | schedule)
    return found


def mean_ap(cfg_file: Path, checkpoint: Path, folder: Path, overrides: Overrides) -> float:
    """mAP of a checkpoint's test in per cent, from one temporal view with the file's crops."""
    testing = {
        "TRAIN.ENABLE": False,
        "TEST.ENABLE": True,
        "TEST.CHECKPOINT_FILE_PATH": checkpoint,
        "TEST.NUM_ENSEMBLE_VIEWS": 1,
        "TEST.BOOTSTRAP": 0,
    }
    stats = folder / "json_stats.log"
    stats.unlink(missing_ok=True)
    _run(cfg_file, folder, testing | overrides)
    lines = [json.loads(line.partition(": ")[2]) for line in stats.read_text().splitlines()]
    found = [line["map"] for line in lines if "map" in line]
    if not found:
        raise UserError(f"{cfg_file}: no mAP in {stats}; --checkpoint needs many labels a clip.")
    return float(found[-1])


def _run(cfg_file: Path, folder: Path, overrides: Overrides) -> None:
    options = as_options({"OUTPUT_DIR": folder, "LOG_MODEL_INFO": False} | overrides)
    command = [sys.executable, ROOT / "tools" / "run_net.py", "--cfg", cfg_file, "--opts", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{cfg_file}: tools/run_net.py failed:\n{done.stderr.strip()[-2000:]}")
