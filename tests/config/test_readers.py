"""A setting is refused only by a run that reads it; else one warning names it."""

import json
from pathlib import Path

import pytest

from slowfast.ak.norms.group import norm_group
from slowfast.config import checks
from slowfast.config.derived import clips_per_pass
from slowfast.config.keys import UPSTREAM_KEYS, known_keys
from slowfast.config.readers import CONDITIONS, _begins_with, why_unread

TEST_ONLY = {"TRAIN.ENABLE": False}
TRAIN_ONLY = {"TEST.ENABLE": False}
CHARADES = {"TRAIN.DATASET": "charades", "TEST.DATASET": "charades"}

X3D = {
    "MODEL.MODEL_NAME": "X3D",
    "MODEL.ARCH": "x3d",
    "RESNET.TRANS_FUNC": "x3d_transform",
    "DATA.INPUT_CHANNEL_NUM": [3],
}

RESIZED = {
    "DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.08, 1.0],
    "DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.75, 1.3333],
}

# A setting that cannot be served, what makes a run not read it, and the words that say so.
UNREAD = [
    ({"DATA.TIME_DIFF_PROB": 0.5}, TEST_ONLY, "with TRAIN.ENABLE False"),
    ({"DATA.TIME_DIFF_PROB": 0.5}, CHARADES, "with TRAIN.DATASET charades"),
    ({"VIS_MASK.ENABLE": True}, TRAIN_ONLY, "with TEST.ENABLE False"),
    ({"SOLVER.LR_POLICY": "step"}, TEST_ONLY, "with TRAIN.ENABLE False"),
    ({"TEST.NUM_SPATIAL_CROPS": 2}, TRAIN_ONLY, "with TEST.ENABLE False"),
    ({"MIXUP.LABEL_SMOOTH_VALUE": 1.0}, {}, "with MIXUP.ENABLE False"),
    ({"DATA.ENSEMBLE_METHOD": "mean"}, TRAIN_ONLY, "with TEST.ENABLE False"),
    ({"TRAIN.CHECKPOINT_TYPE": "jax"}, {}, "with an empty TRAIN.CHECKPOINT_FILE_PATH"),
    ({"X3D.WIDTH_FACTOR": 0}, {}, "with MODEL.MODEL_NAME SlowFast; MODEL.MODEL_NAME X3D reads it"),
    (
        {"RESNET.DEPTH": 34},
        X3D,
        "with MODEL.MODEL_NAME X3D; MODEL.MODEL_NAME ResNet reads it",
    ),
    (
        {"DATA.TRAIN_JITTER_SCALES": [340, 256]},
        RESIZED,
        "with DATA.TRAIN_JITTER_SCALES_RELATIVE [0.08, 1.0]",
    ),
    ({"DATA.TRAIN_JITTER_SCALES_RELATIVE": [0, 1]}, TEST_ONLY, "with TRAIN.ENABLE False"),
    ({"MIXUP.PROB": 2}, {}, "with MIXUP.ENABLE False"),
    ({"AUG.RE_MODE": "rand"}, {}, "with AUG.ENABLE False"),
    ({"TENSORBOARD.HISTOGRAM.TOPK": 0}, {}, "with TENSORBOARD.ENABLE False"),
]
# What makes a run read the same settings.
READ = {
    "TRAIN.CHECKPOINT_FILE_PATH": "w.pyth",
    "MIXUP.ENABLE": True,
    "AUG.ENABLE": True,
    "TENSORBOARD.ENABLE": True,
    "TENSORBOARD.HISTOGRAM.ENABLE": True,
}


@pytest.mark.parametrize(("setting", "situation", "words"), UNREAD)
def test_a_setting_is_refused_only_if_the_run_reads_it(setting, situation, words, load_runnable):
    (key,) = setting
    cfg = load_runnable(setting | situation)
    assert checks.problems(cfg) == []
    (warning,) = checks.warnings(cfg)
    assert warning.startswith(f"X.yaml: {key} = ")
    assert warning.endswith(f": is not read {words}")

    cfg = load_runnable(READ | (X3D if "X3D" in key else {}) | setting)
    assert any(line.startswith(f"X.yaml: {key} = ") for line in checks.problems(cfg))


FEATURES = {"TRAIN.DATASET": "features", "TEST.DATASET": "features"}
KINETICS = {"TRAIN.DATASET": "kinetics", "TEST.DATASET": "kinetics"}
OFFSET = {"DATA.USE_OFFSET_SAMPLING": True}


@pytest.mark.parametrize(
    ("setting", "situation", "words"),
    [
        ({"AUG.NUM_SAMPLE": 2}, {"AUG.ENABLE": False}, ""),
        ({"AUG.NUM_SAMPLE": 2}, CHARADES, ""),
        ({"AUG.NUM_SAMPLE": 2}, TEST_ONLY, "TRAIN.ENABLE False"),
        ({"AUG.NUM_SAMPLE": 2}, FEATURES, "TRAIN.DATASET features"),
        ({"DATA.TRAIN_CROP_NUM_TEMPORAL": 2}, FEATURES, "TRAIN.DATASET features"),
        (OFFSET, KINETICS, ""),
        (OFFSET, CHARADES, "TRAIN.DATASET charades"),
        (OFFSET, KINETICS | TRAIN_ONLY, "TEST.ENABLE False"),
        (OFFSET, KINETICS | {"DATA.SAMPLING": "uniform"}, "DATA.SAMPLING uniform"),
    ],
)
def test_who_reads_samples_and_offsets(setting, situation, words, load_runnable):
    (key,) = setting
    found = why_unread(load_runnable(setting | situation), key)
    assert (found.decided_by if found else "") == words


def test_samples_count_in_norm_groups_where_they_are_read(load_runnable):
    settings = {"TRAIN.BATCH_SIZE": 8, "NUM_GPUS": 0, "AUG.NUM_SAMPLE": 2}
    settings |= {"DATA.TRAIN_CROP_NUM_TEMPORAL": 2, "DATA.TRAIN_CROP_NUM_SPATIAL": 3}
    assert norm_group(load_runnable(settings), 1) == 96
    assert clips_per_pass(load_runnable(settings | {"SOLVER.ACCUMULATE_STEPS": 4})) == 24
    assert norm_group(load_runnable(settings | FEATURES), 1) == 8


def test_one_warning_names_all_settings_without_effect(load_runnable):
    cfg = load_runnable(
        {"AVA.BGR": True, "MIXUP.ALPHA": 0.2, "MIXUP.PROB": 0.5, "DEMO.FPS": 3, "DEMO.WEBCAM": 0}
    )
    cfg.merge_from_list(["MIXUP.SWITCH_PROB", 1])
    assert [warning.splitlines() for warning in checks.warnings(cfg)] == [
        [
            "6 settings have no effect in this run:",
            "  X.yaml: MIXUP.ALPHA = 0.2, MIXUP.PROB = 0.5: are not read with MIXUP.ENABLE False",
            "  command line: MIXUP.SWITCH_PROB = 1.0: is not read with MIXUP.ENABLE False",
            "  X.yaml: AVA.BGR = True: has no effect here: the data set ava is not built",
            "  X.yaml: DEMO.WEBCAM = 0, DEMO.FPS = 3: have no effect here: the program that "
            "writes predictions onto a video is not in this tree; tools/predict.py scores "
            "videos, and writes bouts, tables and pages",
        ]
    ]


def test_the_dump_of_a_fork_is_tested(load_runnable):
    """A whole configuration, in which the training had what is not built here."""
    reference = Path(__file__).parents[1] / "reference"
    dump = json.loads((reference / "config_defaults_main.json").read_text())
    of_training = {
        "DATA.TIME_DIFF_PROB": 0.5,
        "DATA.TRAIN_CROP_NUM_TEMPORAL": 2,
        "DATA_LOADER.ENABLE_MULTI_THREAD_DECODE": True,
        "SOLVER.LAYER_DECAY": 0.8,
        "AUG.NUM_SAMPLE": 2,
        "MODEL.LOSS_FUNC": "their_loss",
    }
    cfg = load_runnable(dump | CHARADES | of_training | {"DATA.MULTI_LABEL": True})
    cfg.merge_from_list(["MODEL.HEAD_ACT", "sigmoid", "TRAIN.ENABLE", False, "TEST.ENABLE", True])
    assert checks.problems(cfg) == []
    (warning,) = checks.warnings(cfg)
    assert all(key in warning for key in of_training if UPSTREAM_KEYS[key].unserved)


def test_each_condition_is_on_keys_that_exist():
    known = known_keys()
    for condition in CONDITIONS:
        for each in (*condition.keys, *condition.exceptions):
            assert any(_begins_with(key, (each,)) for key in known), each
