"""Each command of docs/PAPER_TABLE.md: the configured network and loss, trained for a step."""

import json
import shlex
from pathlib import Path

import pytest

from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine.training import train
from slowfast.utils.parser import load_config, parse_args

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "PAPER_TABLE.md").read_text(encoding="utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("python tools/run_net.py")]


def test_the_page_has_every_model_with_every_loss():
    words = [shlex.split(command) for command in COMMANDS]
    pairs = {(word[3], word[word.index("MODEL.LOSS_FUNC") + 1]) for word in words}
    recipes = [f"configs/AK/{name}.yaml" for name in ("I3D_8x8_R50", "SLOWFAST_8x8_R50", "X3D_L")]
    losses = ["bce_loss", "focal_loss", "LDAM", "EQL"]
    assert pairs == {(recipe, loss) for recipe in recipes for loss in losses}
    assert len(COMMANDS) == len({word[-1] for word in words}) == 12  # no two share a folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.rpartition("/")[2])
def test_a_command_trains_a_step(command, tiny_ak, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    # Eight clips are one batch of the recipe; pixels are few, for speed.
    smaller = (
        f"DATA.PATH_TO_DATA_DIR {tiny_ak.annot} DATA.PATH_PREFIX {tiny_ak.image} NUM_GPUS 0 "
        "DATA.TRAIN_JITTER_SCALES [64,72] DATA.TRAIN_CROP_SIZE 64 DATA.TEST_CROP_SIZE 64 "
        "TRAIN.BATCH_SIZE 8 SOLVER.MAX_EPOCH 1 BN.USE_PRECISE_STATS False TEST.ENABLE False "
        f"DATA_LOADER.NUM_WORKERS 0 LOG_PERIOD 1 OUTPUT_DIR {tmp_path}"
    )
    args = parse_args([*shlex.split(command)[2:], *smaller.split()])
    cfg = assert_and_infer_cfg(load_config(args, args.cfg_files[0]))
    train(cfg)
    lines = (tmp_path / "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.partition(": ")[2]) for line in lines]
    (step,) = [line for line in stats if line["_type"] == "train_iter_"]
    assert step["loss"] > 0
    assert step["grad_norm"] > 0
