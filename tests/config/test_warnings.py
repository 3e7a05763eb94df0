"""Settings that can run but are seldom meant are logged as warnings."""

import logging

import pytest

from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg

BEST = {"TEST.WEIGHTS": "best"}
TESTED = {"TEST.CHECKPOINT_FILE_PATH": "a.pyth"}
FOCAL = {"MODEL.LOSS_FUNC": "focal_loss"}
LDAM = {"MODEL.LOSS_FUNC": "LDAM"}
RESIZED = {
    "DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.08, 1.0],
    "DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.75, 1.3333],
}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 35}, "the warm-up never ends"),
        ({"AVA.BGR": True}, "AVA.BGR = True: has no effect here: the data set ava is not built"),
        ({"SOLVER.STEPS": [0, 2]}, "only read with SOLVER.LR_POLICY steps_with_relative_lrs"),
        (BEST, "the best weights are chosen on the test set (val.csv), so"),
        ({"X3D.WIDTH_FACTOR": 2.0}, "is not read with MODEL.MODEL_NAME SlowFast; MODEL.MODEL_NAME"),
        ({"RESNET.TRANS_FUNC": "x3d_transform"}, "is unusual in MODEL.MODEL_NAME SlowFast"),
        (TESTED, "TEST.CHECKPOINT_FILE_PATH = a.pyth: the run tests this file and not the network"),
        ({"MODEL.LOSS_FUNC": "soft_cross_entropy"}, "grows with the number of labels of a clip"),
        (FOCAL, "is bce_loss with LOSS.FOCAL_LOSS.ALPHA 1 and GAMMA 0"),
        (LDAM | {"SOLVER.MAX_EPOCH": 80}, "STEP_EPOCH = [80]: classes are never re-weighted"),
        (LDAM | {"LOSS.LABEL_SMOOTHING": 0.1}, "smoothed labels carry all classes"),
        (
            {"MODEL.LOSS_FUNC": "splc", "SOLVER.MAX_EPOCH": 1},
            "START_EPOCH = 1: no label is corrected",
        ),
        (
            {"MODEL.LOSS_FUNC": "class_balanced_bce", "DATA_LOADER.SAMPLER": "square_root"},
            "balances the classes, and MODEL.LOSS_FUNC class_balanced_bce does so again",
        ),
        ({"LOSS.FOCAL_LOSS.GAMMA": 2.0}, "is not read with MODEL.LOSS_FUNC bce_loss"),
        ({"LOSS.CLASS_COUNTS": "a.csv"}, "is not read with MODEL.LOSS_FUNC bce_loss"),
        (
            {"MIXUP.ENABLE": True, "AUG.NUM_SAMPLE": 2, "TRAIN.BATCH_SIZE": 2, "NUM_GPUS": 2},
            "each process has 1 video, so that no clip is mixed and labels are only smoothed",
        ),
        (
            {"FRAMESTACK.ENABLE": True, "TRAIN.BATCH_SIZE": 1},
            "each process has 1 video, so that no clip is mixed; give each process 2 or more",
        ),
        ({"FRAMESTACK.ENABLE": True, "FRAMESTACK.PROB": 0}, "PROB = 0.0: no clip is mixed"),
        ({"FRAMESTACK.AVERAGE": True}, "is not read with FRAMESTACK.ENABLE False"),
        ({"MIXUP.ALPHA": 0.2}, "MIXUP.ALPHA = 0.2: is not read with MIXUP.ENABLE False"),
        ({"DATA.TARGET_FPS": 25}, "DATA.TARGET_FPS = 25: is not read with TRAIN.DATASET ak"),
        (
            {"DATA.TRAIN_JITTER_MOTION_SHIFT": True},
            "MOTION_SHIFT = True: is not read with DATA.TRAIN_JITTER_SCALES_RELATIVE []",
        ),
        (
            RESIZED
            | {
                "DATA.TRAIN_JITTER_MOTION_SHIFT": True,
                "DATA.NUM_FRAMES": 1,
                "MODEL.MODEL_NAME": "ResNet",
                "MODEL.ARCH": "slow",
                "DATA.INPUT_CHANNEL_NUM": [3],
            },
            "has no crop that moves",
        ),
        (
            {"AUG.ENABLE": True, "AUG.AA_TYPE": "", "AUG.COLOR_JITTER": 0, "AUG.RE_PROB": 0},
            "AUG.ENABLE = True: no clip is changed after its crop: AUG.AA_TYPE is empty",
        ),
        ({"DATA_LOADER.REPEAT_THRESHOLD": 0.5}, "is not read with DATA_LOADER.SAMPLER shuffle"),
        ({"TRAIN.CHECKPOINT_SKIP_HEAD": True}, "is not read with an empty TRAIN.CHECKPOINT_FILE"),
        (
            {"MODEL.DETACH_FINAL_FC": True, "MODEL.FROZEN_BN": True},
            "MODEL.DETACH_FINAL_FC = True: freezes random weights",
        ),
        (
            {"MODEL.DETACH_FINAL_FC": True, "TRAIN.CHECKPOINT_FILE_PATH": "a.pyth"},
            "norm statistics still follow the training clips",
        ),
        (
            {"NUM_GPUS": 2, "TRAIN.BATCH_SIZE": 64, "SOLVER.ACCUMULATE_STEPS": 4},
            "SOLVER.ACCUMULATE_STEPS = 4: norm layers use the statistics of 8 clips",
        ),
    ],
)
def test_a_setting_that_is_seldom_meant_is_logged(settings, words, load_runnable, caplog):
    with caplog.at_level(logging.WARNING):
        assert_and_infer_cfg(load_runnable(settings))
    assert words in caplog.text
    assert caplog.text.count("X.yaml") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        TESTED | {"TRAIN.ENABLE": False},
        TESTED | {"TEST.ENABLE": False},
        BEST | {"AK.HOLDOUT": "holdout.txt"},
        {"MODEL.LOSS_FUNC": "soft_cross_entropy", "TRAIN.ENABLE": False},
        FOCAL | {"LOSS.FOCAL_LOSS.GAMMA": 2},
        FOCAL | {"TRAIN.ENABLE": False},
        LDAM | {"SOLVER.MAX_EPOCH": 81},
        LDAM | {"LOSS.LDAM.STEP_EPOCH": [], "LOSS.LDAM.BETA": []},
        {"SOLVER.ACCUMULATE_STEPS": 4, "MODEL.FROZEN_BN": True},
    ],
)
def test_a_usual_setting_causes_no_warning(settings, load_runnable):
    assert checks.warnings(load_runnable(settings)) == []
