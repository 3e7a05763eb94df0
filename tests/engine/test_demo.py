"""The demo's claims, smaller: a SlowFast learns the drawn motions and shapes, and the tail shows;
it finds them in the film."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.data_tools.demo_data import make_demo_data, make_settings
from slowfast.data_tools.demo_film import EVENTS, FILM
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.ethograms.agreement.evaluation import Evaluation
from slowfast.ethograms.agreement.side import read_side
from slowfast.prediction.job import prepare
from slowfast.prediction.model import open_model
from slowfast.prediction.run import predict
from slowfast.utils.parser import load_config, parse_args

CONFIG = Path(__file__).parents[2] / "configs/AK/DEMO.yaml"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A small demo set, a network that was trained on it, and its configuration."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("demo")
    data, run = folder / "set", folder / "run"
    make_demo_data(data, make_settings(clips=200, size="small"))
    overrides = f"""
        DATA.PATH_TO_DATA_DIR {data}/annot DATA.PATH_PREFIX {data}/image OUTPUT_DIR {run}
        DATA.TRAIN_CROP_SIZE 48 DATA.TEST_CROP_SIZE 48 DATA.TRAIN_JITTER_SCALES [48,52]
        DATA.SAMPLING_RATE 1 SOLVER.MAX_EPOCH 25 TRAIN.BATCH_SIZE 8 TRAIN.EVAL_PERIOD 25
        TRAIN.CHECKPOINT_PERIOD 25 DATA_LOADER.NUM_WORKERS 0 LOG_MODEL_INFO False
    """
    args = parse_args(["--cfg", str(CONFIG), "--opts", *overrides.split()])
    cfg = assert_and_infer_cfg(load_config(args))
    train(cfg)
    return SimpleNamespace(data=data, run=run, cfg=cfg)


def test_the_demo_learns(demo):
    """Measured: mAP 52.2 overall, 70.5 head; random scores have 23.7 and 32.8."""
    run_test(demo.cfg)
    reached = json.loads((demo.run / "scores.json").read_text())
    assert float(reached["map"]) >= 40
    assert float(reached["map_head"]) >= 55
    assert {"map_middle", "map_tail"} <= set(reached)


def test_the_classes_are_found_in_the_film(demo, tmp_path):
    """Measured: mean AP 41.0; random scores have 21.5."""
    settings = ["PREDICT.SPATIAL_CROPS", "3", "PREDICT.PAGES", "False"]
    model = open_model(str(demo.run / "checkpoints/best.pyth"), None, settings, tmp_path)
    assert predict(prepare(model, [str(demo.data / FILM)], tmp_path, frames=True)) == 0
    evaluation = Evaluation(read_side(demo.data / EVENTS), [read_side(tmp_path)])
    (agreement,) = evaluation.agreements()
    assert agreement.occurs.all()
    assert agreement.mean["ap"] >= 1.4 * agreement.chance
    assert agreement.mean["ap"] >= 0.3
