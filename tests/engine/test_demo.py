"""The demo's claim, smaller: a SlowFast learns the drawn motions and shapes, and the tail shows."""

import json
from pathlib import Path

import torch

from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.data_tools.demo_data import make_demo_data, make_settings
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.utils.parser import load_config, parse_args

CONFIG = Path(__file__).parents[2] / "configs/AK/DEMO.yaml"


def test_the_demo_learns(tmp_path):
    """Measured: mAP 52.2 overall, 70.5 head; random scores have 23.7 and 32.8."""
    torch.set_num_threads(1)
    data = tmp_path / "demo"
    make_demo_data(data, make_settings(clips=200, size="small"))
    overrides = f"""
        DATA.PATH_TO_DATA_DIR {data}/annot DATA.PATH_PREFIX {data}/image OUTPUT_DIR {tmp_path}/run
        DATA.TRAIN_CROP_SIZE 48 DATA.TEST_CROP_SIZE 48 DATA.TRAIN_JITTER_SCALES [48,52]
        DATA.SAMPLING_RATE 1 SOLVER.MAX_EPOCH 25 TRAIN.BATCH_SIZE 8 TRAIN.EVAL_PERIOD 25
        TRAIN.CHECKPOINT_PERIOD 25 DATA_LOADER.NUM_WORKERS 0 LOG_MODEL_INFO False
    """
    args = parse_args(["--cfg", str(CONFIG), "--opts", *overrides.split()])
    cfg = assert_and_infer_cfg(load_config(args))
    train(cfg)
    run_test(cfg)
    reached = json.loads((tmp_path / "run/scores.json").read_text())
    assert float(reached["map"]) >= 40
    assert float(reached["map_head"]) >= 55
    assert {"map_middle", "map_tail"} <= set(reached)
