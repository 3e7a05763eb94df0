"""A tiny network on `tiny_ak`."""

import pytest


@pytest.fixture
def small(cfg, tmp_path):
    """A SlowFast of 4 channels, 4 frames of 32 pixels, one view a clip, colours as recipes here."""
    opts = {
        "MODEL.ARCH": "slowfast",
        "MODEL.MODEL_NAME": "SlowFast",
        "RESNET.DEPTH": 18,
        "RESNET.TRANS_FUNC": "basic_transform",
        "RESNET.WIDTH_PER_GROUP": 4,
        "SLOWFAST.BETA_INV": 2,
        "DATA.INPUT_CHANNEL_NUM": [3, 3],
        "DATA.REVERSE_INPUT_CHANNEL": True,
        "DATA.TEST_CROP_SIZE": 32,
        "TRAIN.DATASET": "charades",
        "TEST.DATASET": "charades",
        "TEST.NUM_ENSEMBLE_VIEWS": 1,
        "TEST.NUM_SPATIAL_CROPS": 1,
        "TEST.SAVE_RESULTS_PATH": "results.pkl",
        "TEST.REPORT": False,
        "LOG_MODEL_INFO": False,
        "LOG_PERIOD": 1,
        "SOLVER.MAX_EPOCH": 1,
        "OUTPUT_DIR": str(tmp_path / "run"),
    }
    cfg.merge_from_list([word for pair in opts.items() for word in pair])
    return cfg
