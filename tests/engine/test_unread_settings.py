"""What ``slowfast.config.readers`` says that a run does not read, the run does not read."""

from pathlib import Path

from slowfast.config import checks
from slowfast.config.dotted import dotted_keys, set_value
from slowfast.config.readers import can_be_read
from slowfast.engine import test as run_test
from slowfast.engine import train

# SLOWFAST and NONLOCAL are keys of other networks then, and so is the depth of ResNet.
X3D = {
    "MODEL.MODEL_NAME": "X3D",
    "MODEL.ARCH": "x3d",
    "RESNET.TRANS_FUNC": "x3d_transform",
    "DATA.INPUT_CHANNEL_NUM": [3],
    "X3D.DIM_C5": 16,
}


def take_away(cfg, *groups):
    """Takes the values of all keys that the run cannot read; returns their number."""
    unread = [key for key in dotted_keys(cfg) if not can_be_read(cfg, key)]
    for key in unread:
        set_value(cfg, key, None)
    assert all(any(key.startswith(group) for key in unread) for group in groups)
    assert checks.problems(cfg) == []
    return len(unread)


def test_training_and_test_run_without_the_values_that_they_do_not_read(small_cfg):
    cfg = small_cfg(**{"TEST.ENABLE": False, "SOLVER.MAX_EPOCH": 1})
    assert take_away(cfg, "TEST.", "AUG.", "MIXUP.", "X3D.", "TENSORBOARD.") > 50
    train(cfg)

    cfg = small_cfg(**{"TRAIN.ENABLE": False, "SOLVER.MAX_EPOCH": 1})
    assert take_away(cfg, "TRAIN.", "SOLVER.", "AUG.", "MIXUP.", "X3D.", "LOSS.") > 80
    run_test(cfg)
    assert Path(cfg.OUTPUT_DIR, "results.pkl").is_file()


def test_a_network_is_built_without_the_keys_of_the_others(small_cfg):
    cfg = small_cfg(**X3D, **{"TEST.ENABLE": False, "SOLVER.MAX_EPOCH": 1})
    take_away(cfg, "SLOWFAST.", "NONLOCAL.", "RESNET.DEPTH")
    train(cfg)
