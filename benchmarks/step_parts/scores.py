"""Measures the mAP of one checkpoint under each setting, as `tools/run_net.py` measures it.

Without a checkpoint, a small SlowFast is trained on drawn clips first. This takes minutes, and the
checkpoint is kept. The comparison does not ask how good the network is. It shows whether a setting
changes the scores.
"""

from pathlib import Path

from benchmarks.step_parts.runs import DEMO, figures, run_net
from benchmarks.step_parts.settings import PLAIN, Overrides
from slowfast.ak.errors import UserError
from slowfast.data_tools import demo_data

EPOCHS = 8


def draw_clips(folder: Path, size: str = "standard") -> Overrides:
    """Draws the demo data if they are missing; returns the keys of their folders and classes."""
    demo_data.make_demo_data(folder, demo_data.make_settings(0, None, size))
    return {
        "DATA.PATH_TO_DATA_DIR": folder / "annot",
        "DATA.PATH_PREFIX": folder / "image",
        "MODEL.NUM_CLASSES": len(demo_data.CLASSES),
    }


def trained(folder: Path, places: Overrides) -> Path:
    """Returns the checkpoint of DEMO.yaml after `EPOCHS` epochs with plain settings."""
    found = folder / "checkpoints" / f"checkpoint_epoch_{EPOCHS:05d}.pyth"
    if not found.exists():
        schedule = {"SOLVER.MAX_EPOCH": EPOCHS, "SOLVER.WARMUP_EPOCHS": 1, "TEST.ENABLE": False}
        run_net(DEMO, folder, PLAIN | places | schedule)
    return found


def mean_ap(cfg_file: Path, checkpoint: Path, folder: Path, overrides: Overrides) -> float:
    """Returns the mAP of a test in per cent, from one temporal view and the file's crops."""
    testing = {
        "TRAIN.ENABLE": False,
        "TEST.ENABLE": True,
        "TEST.CHECKPOINT_FILE_PATH": checkpoint,
        "TEST.NUM_ENSEMBLE_VIEWS": 1,
        "TEST.BOOTSTRAP": 0,
    }
    (folder / "json_stats.log").unlink(missing_ok=True)
    run_net(cfg_file, folder, testing | overrides)
    found = [line["map"] for line in figures(folder) if "map" in line]
    if not found:
        raise UserError(
            f"{cfg_file}: the test logged no mAP in {folder}. An mAP needs DATA.MULTI_LABEL True."
        )
    return float(found[-1])
