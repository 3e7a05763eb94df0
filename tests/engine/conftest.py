"""A small network and configuration, with which an epoch takes half a second; trained runs."""

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from slowfast.config.defaults import get_cfg
from slowfast.engine import test as run_test
from slowfast.engine import training
from slowfast.engine.evaluation_pass import EvaluationPass

torch.set_num_threads(1)

SMALL = {
    "MODEL.ARCH": "slowfast",
    "MODEL.MODEL_NAME": "SlowFast",
    "MODEL.NUM_CLASSES": 5,
    "MODEL.LOSS_FUNC": "bce_loss",
    "MODEL.HEAD_ACT": "sigmoid",
    "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 8,
    "SLOWFAST.ALPHA": 4,
    "SLOWFAST.BETA_INV": 4,
    "DATA.NUM_FRAMES": 4,
    "DATA.SAMPLING_RATE": 2,
    "DATA.TRAIN_JITTER_SCALES": [32, 40],
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
    "DATA.MULTI_LABEL": True,
    "DATA.ENSEMBLE_METHOD": "max",
    "DATA.REVERSE_INPUT_CHANNEL": True,
    "DATA_LOADER.NUM_WORKERS": 0,
    "TRAIN.DATASET": "ak",
    "TRAIN.BATCH_SIZE": 4,
    "TRAIN.EVAL_PERIOD": 1,
    "TRAIN.CHECKPOINT_PERIOD": 1,
    "TEST.DATASET": "ak",
    "TEST.BATCH_SIZE": 4,
    "TEST.NUM_ENSEMBLE_VIEWS": 2,
    "TEST.NUM_SPATIAL_CROPS": 3,
    "TEST.SAVE_RESULTS_PATH": "results.pkl",
    "SOLVER.BASE_LR": 0.05,
    "SOLVER.MAX_EPOCH": 2,
    "BN.USE_PRECISE_STATS": True,
    "BN.NUM_BATCHES_PRECISE": 2,
    "NUM_GPUS": 0,
    "LOG_MODEL_INFO": False,
    "LOG_PERIOD": 1,
}


@pytest.fixture(scope="session")
def make_small_cfg(tiny_ak):
    """Returns a function that configures a small SlowFast on the tiny data set."""

    def make(folder: Path, output: str = "run", **overrides):
        cfg = get_cfg()
        settings = {
            **SMALL,
            "DATA.PATH_TO_DATA_DIR": str(tiny_ak.annot),
            "DATA.PATH_PREFIX": str(tiny_ak.image),
            "OUTPUT_DIR": str(folder / output),
            **{key.replace("__", "."): value for key, value in overrides.items()},
        }
        cfg.merge_from_list([item for pair in settings.items() for item in pair])
        return cfg

    return make


@pytest.fixture(scope="session")
def trained(make_small_cfg, tmp_path_factory):
    """The configuration of a run of one epoch that was tested. Tests only read its folder."""
    cfg = make_small_cfg(
        tmp_path_factory.mktemp("trained"),
        **{
            "SOLVER.MAX_EPOCH": 1,
            "TEST.BOOTSTRAP": 20,
            "AK.HEAD_MIN": 4,
            "AK.TAIL_MAX": 1,
            "RECIPE.GLOBAL_BATCH": 8,
            "RECIPE.NORM_GROUP": 4,
            "RECIPE.BASE_LR": 0.05,
            "RECIPE.INIT": "kinetics",
        },
    )
    training.train(cfg)
    run_test(cfg)
    return cfg


@pytest.fixture
def copy_of_trained(trained, tmp_path):
    """Copies the folder of `trained`; returns a function that gives configurations for the copy."""
    shutil.copytree(trained.OUTPUT_DIR, tmp_path / "run")

    def configure(**overrides):
        cfg = trained.clone()
        settings = {"OUTPUT_DIR": str(tmp_path / "run"), **overrides}
        cfg.merge_from_list([item for pair in settings.items() for item in pair])
        return cfg

    return configure


@pytest.fixture
def small_cfg(make_small_cfg, tmp_path: Path):
    """As `make_small_cfg`, with the folder of the test; keyword values override."""
    return partial(make_small_cfg, tmp_path)


@pytest.fixture
def train_until_evaluation(monkeypatch):
    """Returns a function that trains a run until its first evaluation, which is interrupted."""

    def interrupt(*args):
        raise KeyboardInterrupt

    def start(cfg) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(EvaluationPass, "run", interrupt)
            with pytest.raises(KeyboardInterrupt):
                training.train(cfg)

    return start
