"""Settings that can run and cannot mean what was intended are said."""

import pytest

from slowfast.config import checks
from slowfast.utils.parser import load_config, parse_args

ONE_LABEL = {
    "DATA.MULTI_LABEL": False,
    "MODEL.LOSS_FUNC": "cross_entropy",
    "MODEL.HEAD_ACT": "softmax",
}
STEPS = {
    "SOLVER.LR_POLICY": "steps_with_relative_lrs",
    "SOLVER.STEPS": [0, 41, 49],
    "SOLVER.LRS": [1, 0.1, 0.01],
    "SOLVER.MAX_EPOCH": 57,
}
TEST_ONLY = {"TRAIN.ENABLE": False}
WARM_UP = {"SOLVER.WARMUP_EPOCHS": 1.0}

NOTHING_LEARNT = [
    (ONE_LABEL, "MODEL.NUM_CLASSES", 1, "cross_entropy nothing can be learnt"),
    ({"MODEL.LOSS_FUNC": "soft_cross_entropy"}, "MODEL.NUM_CLASSES", 1, "nothing can be learnt"),
    ({}, "MODEL.DROPOUT_RATE", 1.0, "drops all features"),
    ({}, "MODEL.DROPCONNECT_RATE", 1.0, "leaves out all residual branches"),
]
SELDOM_MEANT = [
    (ONE_LABEL | TEST_ONLY, "MODEL.NUM_CLASSES", 1, "the only class is 1 for every clip"),
    (ONE_LABEL, "MODEL.HEAD_ACT", "sigmoid", "each clip has one class; softmax is usual"),
    (WARM_UP, "SOLVER.WARMUP_START_LR", 0.2, "above SOLVER.BASE_LR 0.1, so that the rate falls"),
    ({}, "SOLVER.BASE_LR", 0, "the learning rate is 0"),
    ({}, "SOLVER.BASE_LR", 30, "sgd a rate above 10 hardly ever converges"),
    ({"SOLVER.OPTIMIZING_METHOD": "adamw"}, "SOLVER.BASE_LR", 0.5, "adamw a rate above 0.1"),
    (STEPS, "SOLVER.LRS", [0, 0, 0], "the learning rate is 0"),
    (STEPS, "SOLVER.LRS", [0.1, 0.01, 0.001], "not rates: the first rate is 0.01"),
    (STEPS, "SOLVER.STEPS", [0, 41, 90], "before 90"),
    ({}, "SOLVER.MOMENTUM", 1, "expected a number below 1"),
    ({}, "SOLVER.WEIGHT_DECAY", 50, "takes all of a weight in a step"),
    ({}, "SOLVER.EMA_DECAY", 1, "the average stays at the initial weights"),
    ({}, "DATA.MEAN", [123.675, 116.28, 103.53], "by 255 they are [0.485, 0.456, 0.406]"),
    ({}, "DATA.STD", [58.395, 57.12, 57.375], "by 255 they are [0.229, 0.224, 0.225]"),
    ({"MIXUP.ENABLE": True}, "MIXUP.PROB", 0, "no batch is mixed"),
    ({}, "TEST.DATASET", "kinetics", "trains on TRAIN.DATASET ak and tests on this one"),
]
MEANT = [
    (ONE_LABEL, "MODEL.NUM_CLASSES", 2),
    ({}, "MODEL.NUM_CLASSES", 1),
    (TEST_ONLY, "MODEL.DROPOUT_RATE", 1.0),
    (ONE_LABEL | TEST_ONLY, "MODEL.HEAD_ACT", "sigmoid"),
    (WARM_UP, "SOLVER.WARMUP_START_LR", 0.1),
    ({}, "SOLVER.WARMUP_START_LR", 0.2),
    (TEST_ONLY, "SOLVER.BASE_LR", 0),
    ({"SOLVER.COSINE_END_LR": 0.1}, "SOLVER.BASE_LR", 0),
    (STEPS, "SOLVER.STEPS", [0, 41, 57]),
    (STEPS | {"SOLVER.BASE_LR": 1}, "SOLVER.LRS", [1, 0.1, 0.01]),
    ({}, "DATA.STD", [1, 1, 1]),
    ({}, "TEST.DATASET", "Ak"),
    (TEST_ONLY, "TEST.DATASET", "charades"),
]


@pytest.fixture(params=["file", "command line"])
def given(request, load_runnable, write):
    """The configuration with a setting from a file or from the command line, and that place."""

    def configure(settings, key, value):
        if request.param == "file":
            return load_runnable(settings | {key: value}), "X.yaml"
        load_runnable(settings)  # writes X.yaml
        return load_config(parse_args(["--cfg", "X.yaml", key, str(value)])), request.param

    return configure


@pytest.mark.parametrize(("settings", "key", "value", "words"), NOTHING_LEARNT)
def test_a_run_that_learns_nothing_is_refused(settings, key, value, words, given):
    cfg, place = given(settings, key, value)
    (problem,) = checks.problems(cfg)
    assert problem.startswith(f"{place}: {key} = ")
    assert words in problem


@pytest.mark.parametrize(("settings", "key", "value", "words"), SELDOM_MEANT)
def test_what_is_seldom_meant_is_said_in_one_line(settings, key, value, words, given):
    cfg, place = given(settings, key, value)
    assert checks.problems(cfg) == []
    (warning,) = checks.warnings(cfg)
    assert warning.startswith(f"{place}: {key} = ")
    assert words in warning
    assert "\n" not in warning


@pytest.mark.parametrize(("settings", "key", "value"), MEANT)
def test_what_has_a_meaning_is_not_mentioned(settings, key, value, load_runnable):
    cfg = load_runnable(settings | {key: value})
    assert (checks.problems(cfg), checks.warnings(cfg)) == ([], [])
