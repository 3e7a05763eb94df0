import json
import logging
from pathlib import Path

import pytest
from fvcore.common.registry import Registry

import slowfast.datasets.build
import slowfast.models.build
from slowfast.ak.errors import UserError
from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.keys import UPSTREAM_KEYS

ZOO = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "zoo_configs.json").read_text()
)

SWITCHES = {
    "AUG.NUM_SAMPLE": 2,
    "AUG.RE_SPLIT": True,
    "AUG.GEN_MASK_LOADER": True,
    "DATA.COLOR_RND_GRAYSCALE": 0.2,
    "DATA.DUMMY_LOAD": True,
    "DATA.IN22K_TRAINVAL": True,
    "DATA.IN22k_VAL_IN1K": "in1k",
    "DATA.LOADER_CHUNK_OVERALL_SIZE": 10,
    "DATA.LOADER_CHUNK_SIZE": 10,
    "DATA.PATH_TO_PRELOAD_IMDB": "imdb",
    "DATA.SKIP_ROWS": 1,
    "DATA.SSL_COLOR_JITTER": True,
    "DATA.SSL_MOCOV2_AUG": True,
    "DATA.TIME_DIFF_PROB": 0.5,
    "DATA.TRAIN_CROP_NUM_SPATIAL": 2,
    "DATA.TRAIN_CROP_NUM_TEMPORAL": 2,
    "DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.75, 1.33],
    "DATA.TRAIN_JITTER_FPS": 0.1,
    "DATA.TRAIN_JITTER_MOTION_SHIFT": True,
    "DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.08, 1.0],
    "DATA.USE_OFFSET_SAMPLING": True,
    "DATA_LOADER.ENABLE_MULTI_THREAD_DECODE": True,
    "DEMO.ENABLE": True,
    "DETECTION.ENABLE": True,
    "MASK.ENABLE": True,
    "MULTIGRID.LONG_CYCLE": True,
    "MULTIGRID.SHORT_CYCLE": True,
    "SOLVER.LARS_ON": True,
    "SOLVER.LAYER_DECAY": 0.9,
    "TASK": "ssl",
    "TRAIN.CHECKPOINT_IN_INIT": True,
    "TRAIN.KILL_LOSS_EXPLOSION_FACTOR": 2.0,
    "VIS_MASK.ENABLE": True,
}


def test_all_switches_of_what_is_not_built_are_tried():
    assert set(SWITCHES) == {name for name, key in UPSTREAM_KEYS.items() if key.not_built}


@pytest.mark.parametrize("key", SWITCHES)
def test_what_is_not_built_is_refused_in_words(key, load_runnable):
    cfg = load_runnable({key: SWITCHES[key]})
    with pytest.raises(UserError) as error:
        assert_and_infer_cfg(cfg)
    assert str(error.value).startswith(f"X.yaml: {key} = ")
    assert "is not built here yet; leave it at" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"MODEL.MODEL_NAME": "MViT", "MODEL.ARCH": "mvit"},
            "MODEL.MODEL_NAME = MViT: vision transformers are not built here yet",
        ),
        (
            {"MODEL.MODEL_NAME": "ContrastiveModel"},
            "MODEL.MODEL_NAME = ContrastiveModel: contrastive training is not built here yet",
        ),
        (
            {"MODEL.MODEL_NAME": "PTVSlowFast"},
            "MODEL.MODEL_NAME = PTVSlowFast: pytorchvideo's networks are not built here; SlowFast "
            "is the same network",
        ),
        (
            {"MODEL.MODEL_NAME": "Slowfast"},
            "MODEL.MODEL_NAME = Slowfast: nothing of this name is registered; did you mean "
            "SlowFast? expected one of ResNet, SlowFast, X3D",
        ),
        (
            {"TRAIN.DATASET": "Ssv2"},
            "TRAIN.DATASET = Ssv2: this data set is not built here yet; there are ak, charades and "
            "kinetics",
        ),
        (
            {"TEST.DATASET": "charade"},
            "TEST.DATASET = charade: nothing of this name is registered; did you mean charades? "
            "expected one of ak, charades, kinetics",
        ),
        (
            {"MODEL.LOSS_FUNC": "contrastive_loss"},
            "MODEL.LOSS_FUNC = contrastive_loss: contrastive training is not built here yet",
        ),
        (
            {"MODEL.HEAD_ACT": "sigmod"},
            "MODEL.HEAD_ACT = sigmod: did you mean sigmoid? expected one of softmax, sigmoid",
        ),
        (
            {"DATA.ENSEMBLE_METHOD": "mean"},
            "DATA.ENSEMBLE_METHOD = mean: expected one of sum, max",
        ),
        (
            {"SOLVER.LR_POLICY": "step"},
            "SOLVER.LR_POLICY = step: expected one of cosine, steps_with_relative_lrs",
        ),
        (
            {"SOLVER.OPTIMIZING_METHOD": "SGD"},
            "SOLVER.OPTIMIZING_METHOD = SGD: did you mean sgd? expected one of sgd, adam, adamw",
        ),
        (
            {"BN.NORM_TYPE": "syncbatchnorm"},
            "BN.NORM_TYPE = syncbatchnorm: did you mean sync_batchnorm? expected one of batchnorm, "
            "sub_batchnorm, sync_batchnorm",
        ),
        (
            {"TRAIN.CHECKPOINT_TYPE": "torch"},
            "TRAIN.CHECKPOINT_TYPE = torch: did you mean pytorch? expected one of pytorch, caffe2",
        ),
        (
            {"AK.FRAMES": "images"},
            "AK.FRAMES = images: did you mean image? expected one of auto, image, video",
        ),
        (
            {"DATA_LOADER.SAMPLER": "balanced"},
            "DATA_LOADER.SAMPLER = balanced: did you mean class_balanced? expected one of shuffle, "
            "class_balanced, square_root, repeat_factor",
        ),
        (
            {"AUG.RE_MODE": "noise"},
            "AUG.RE_MODE = noise: expected one of pixel, color, const",
        ),
        (
            {"RECIPE.INIT": "imagenet"},
            "RECIPE.INIT = imagenet: expected one of '', scratch, kinetics",
        ),
        ({"RESNET.DEPTH": 34}, "RESNET.DEPTH = 34: expected one of 18, 50, 101"),
        ({"TRAIN.BATCH_SIZE": 0}, "TRAIN.BATCH_SIZE = 0: expected at least 1"),
        ({"MODEL.DROPOUT_RATE": 1.5}, "MODEL.DROPOUT_RATE = 1.5: expected at most 1"),
        ({"SOLVER.BASE_LR": float("inf")}, "SOLVER.BASE_LR = inf: expected a finite number"),
        (
            {"RNG_SEED": 2**63},
            "RNG_SEED = 9223372036854775808: expected at most 9223372036854775807",
        ),
        ({"LOSS.EQL.GAMMA": 1.5}, "LOSS.EQL.GAMMA = 1.5: expected at most 1"),
        ({"LOSS.LDAM.BETA": [-0.5]}, "LOSS.LDAM.BETA = [-0.5]: expected at least 0"),
        ({"RNG_SEED": -1}, "RNG_SEED = -1: expected at least 0"),
        ({"DIST_BACKEND": "mpi"}, "DIST_BACKEND = mpi: expected one of nccl, gloo"),
        (
            {"DATA.MEAN": [0.5]},
            "DATA.MEAN = [0.5]: 1 entries; expected 3, such as [0.45, 0.45, 0.45]",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_impossible_value_is_refused_in_words(settings, line, load_runnable):
    assert f"X.yaml: {line}" in checks.problems(load_runnable(settings))


def test_all_problems_come_together_with_their_sources(load_runnable):
    cfg = load_runnable({"AUG.NUM_SAMPLE": 2, "RESNET.DEPTH": 34, "TRAIN.DATASET": "ava"})
    cfg.merge_from_list(["SOLVER.MAX_EPOCH", "0"])
    cfg.DATA.SAMPLING_RATE = 0
    with pytest.raises(UserError) as error:
        assert_and_infer_cfg(cfg)
    assert [line.split(" =")[0] for line in str(error.value).splitlines()] == [
        "X.yaml: AUG.NUM_SAMPLE",
        "set by the program: DATA.SAMPLING_RATE",
        "X.yaml: RESNET.DEPTH",
        "X.yaml: TRAIN.DATASET",
        "command line: SOLVER.MAX_EPOCH",
    ]


def test_what_an_impossible_value_would_contradict_is_not_told_twice(load_runnable):
    cfg = load_runnable({"DATA.TRAIN_JITTER_SCALES": [300], "DATA.TRAIN_CROP_SIZE": 300})
    cfg.DATA.TEST_CROP_SIZE = 300
    assert checks.problems(cfg) == [
        "X.yaml: DATA.TRAIN_JITTER_SCALES = [300]: 1 entries; expected 2, such as [256, 320]"
    ]


def test_value_of_a_wrong_type_set_by_a_program_is_refused(load_runnable):
    cfg = load_runnable()
    cfg.DATA.STD = 3
    cfg.SOLVER.STEPS = "0"
    cfg.NUM_GPUS = None
    assert checks.problems(cfg) == [
        "set by the program: NUM_GPUS = None: expected a whole number",
        "set by the program: DATA.STD = 3: expected a list of numbers, such as [0.225, 0.225, "
        "0.225]",
        "set by the program: SOLVER.STEPS = 0: expected a list of whole numbers",
    ]


def test_default_that_cannot_be_run_names_the_file_that_left_it(load):
    problems = checks.problems(load("DATA: {MULTI_LABEL: True}\n"))
    assert problems[0].startswith("X.yaml (default): MODEL.HEAD_ACT = softmax: ")


def test_data_set_of_a_phase_that_is_off_is_not_looked_at(load_runnable):
    settings = {"TRAIN.ENABLE": False, "TRAIN.DATASET": "ssv2", "MODEL.LOSS_FUNC": "x"}
    assert checks.problems(load_runnable(settings)) == []
    settings = {"TEST.ENABLE": False, "TEST.DATASET": "ssv2"}
    assert checks.problems(load_runnable(settings)) == []


def test_what_a_user_registers_is_known(load_runnable, monkeypatch):
    networks, datasets = Registry("networks"), Registry("datasets")
    networks.register(type("MViT", (), {}))
    datasets.register(type("Mydata", (), {}))
    monkeypatch.setattr(slowfast.models.build, "MODEL_REGISTRY", networks)
    monkeypatch.setattr(slowfast.datasets.build, "DATASET_REGISTRY", datasets)
    names = {"TRAIN.DATASET": "mydata", "TEST.DATASET": "mydata", "MODEL.MODEL_NAME": "MViT"}
    assert checks.problems(load_runnable(names | {"MODEL.ARCH": "mvit"})) == []


def test_names_are_left_to_their_builders_where_no_registry_is_loaded(load_runnable, monkeypatch):
    for module in ("models.build", "datasets.build", "models.losses"):
        monkeypatch.delitem(__import__("sys").modules, f"slowfast.{module}")
    names = {"TRAIN.DATASET": "mydata", "MODEL.MODEL_NAME": "Mine", "MODEL.LOSS_FUNC": "mine"}
    assert checks.problems(load_runnable(names)) == []


@pytest.mark.parametrize("name", sorted(ZOO))
def test_published_file_is_refused_only_for_what_is_not_built(name, load):
    """No check is stricter than upstream's own recipes, and nothing of them is ignored."""
    for problem in checks.problems(load(ZOO[name])):
        assert any(
            words in problem
            for words in (
                "not built here",
                "write MODEL.MODEL_NAME ResNet and MODEL.ARCH c2d_nopool",
                "MODEL.LOSS_FUNC = bce: ",
            )
        ), problem


def test_switched_off_is_never_refused():
    assert not any("not built here yet; leave" in problem for problem in checks.problems(get_cfg()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 35},
            "with SOLVER.MAX_EPOCH 2 the learning",
        ),
        ({"AVA.BGR": True}, "AVA.BGR = True: has no effect here: the data set ava is not built"),
        ({"SOLVER.GAMMA": 0.5}, "has no effect here: neither learning-rate policy reads it"),
        ({"SOLVER.STEPS": [0, 2]}, "read by SOLVER.LR_POLICY steps_with_relative_lrs alone"),
        (
            {"TEST.WEIGHTS": "best"},
            "is chosen on the test set itself (val.csv), so that its figures",
        ),
        ({"X3D.WIDTH_FACTOR": 2.0}, "builds no X3D, though X3D.WIDTH_FACTOR are set"),
        (
            {"TEST.CHECKPOINT_FILE_PATH": "a.pyth"},
            "TEST.CHECKPOINT_FILE_PATH = a.pyth: tests this file and not the network that the run",
        ),
        (
            {"MODEL.LOSS_FUNC": "soft_cross_entropy"},
            "grows with the number of a clip's labels, and DATA.MULTI_LABEL True; bce_loss is",
        ),
        ({"MODEL.LOSS_FUNC": "focal_loss"}, "is bce_loss with LOSS.FOCAL_LOSS.ALPHA 1 and GAMMA 0"),
        (
            {"MODEL.LOSS_FUNC": "LDAM", "SOLVER.MAX_EPOCH": 80},
            "LOSS.LDAM.STEP_EPOCH = [80]: no epoch of SOLVER.MAX_EPOCH 80 is re-weighted: the last "
            "is 79",
        ),
        (
            {"MODEL.LOSS_FUNC": "bce_loss", "LOSS.FOCAL_LOSS.GAMMA": 2.0},
            "LOSS.FOCAL_LOSS.GAMMA = 2.0: is not read with MODEL.LOSS_FUNC bce_loss",
        ),
        (
            {"MODEL.LOSS_FUNC": "bce_loss", "LOSS.CLASS_COUNTS": "a.csv"},
            "LOSS.CLASS_COUNTS = a.csv: is not read with MODEL.LOSS_FUNC bce_loss",
        ),
        ({"MIXUP.ALPHA": 0.2}, "MIXUP.ALPHA = 0.2: is not read with MIXUP.ENABLE False"),
        ({"AUG.RE_PROB": 0.9}, "AUG.RE_PROB = 0.9: is not read with AUG.ENABLE False"),
        (
            {"DATA.TARGET_FPS": 25},
            "DATA.TARGET_FPS = 25: is not read with TRAIN.DATASET ak",
        ),
        (
            {"DATA_LOADER.REPEAT_THRESHOLD": 0.5},
            "DATA_LOADER.REPEAT_THRESHOLD = 0.5: is not read with DATA_LOADER.SAMPLER shuffle",
        ),
        (
            {"TRAIN.CHECKPOINT_SKIP_HEAD": True},
            "TRAIN.CHECKPOINT_SKIP_HEAD = True: is not read with an empty "
            "TRAIN.CHECKPOINT_FILE_PATH",
        ),
        (
            {"MODEL.LOSS_FUNC": "LDAM", "LOSS.LABEL_SMOOTHING": 0.1},
            "LOSS.LABEL_SMOOTHING = 0.1: spreads labels over all classes, whose margins LDAM",
        ),
        (
            {"MODEL.LOSS_FUNC": "class_balanced_bce", "DATA_LOADER.SAMPLER": "square_root"},
            "DATA_LOADER.SAMPLER = square_root: re-balances the classes, and MODEL.LOSS_FUNC "
            "class_balanced_bce does so once more",
        ),
        (
            {"MODEL.DETACH_FINAL_FC": True, "MODEL.FROZEN_BN": True},
            "MODEL.DETACH_FINAL_FC = True: freezes weights that are random; name those to keep",
        ),
        (
            {"MODEL.DETACH_FINAL_FC": True, "TRAIN.CHECKPOINT_FILE_PATH": "a.pyth"},
            "norm statistics follow the training clips still; set it True to keep both",
        ),
        ({"RESNET.TRANS_FUNC": "x3d_transform"}, "an unusual block for MODEL.MODEL_NAME SlowFast"),
        (
            {"NUM_GPUS": 2, "TRAIN.BATCH_SIZE": 64, "SOLVER.ACCUMULATE_STEPS": 4},
            "SOLVER.ACCUMULATE_STEPS = 4: norm layers take the statistics of 8 clips at a time",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_seldom_meant_is_logged(settings, words, load_runnable, caplog):
    with caplog.at_level(logging.WARNING):
        assert_and_infer_cfg(load_runnable(settings))
    assert words in caplog.text
    assert caplog.text.count("X.yaml") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"TEST.CHECKPOINT_FILE_PATH": "a.pyth", "TRAIN.ENABLE": False},
        {"TEST.CHECKPOINT_FILE_PATH": "a.pyth", "TEST.ENABLE": False},
        {"TEST.WEIGHTS": "best", "AK.HOLDOUT": "holdout.txt"},
        {"MODEL.LOSS_FUNC": "soft_cross_entropy", "TRAIN.ENABLE": False},
        {"MODEL.LOSS_FUNC": "soft_cross_entropy", "DATA.MULTI_LABEL": False},
        {"MODEL.LOSS_FUNC": "focal_loss", "LOSS.FOCAL_LOSS.GAMMA": 2},
        {"MODEL.LOSS_FUNC": "focal_loss", "TRAIN.ENABLE": False},
        {"MODEL.LOSS_FUNC": "LDAM", "SOLVER.MAX_EPOCH": 81},
        {"SOLVER.ACCUMULATE_STEPS": 4, "MODEL.FROZEN_BN": True},
        {"MODEL.LOSS_FUNC": "LDAM", "LOSS.LDAM.STEP_EPOCH": [], "LOSS.LDAM.BETA": []},
    ],
)
def test_what_may_well_be_meant_is_not_doubted(settings, load_runnable):
    assert checks.warnings(load_runnable(settings)) == []


def test_nothing_is_logged_for_what_is_plain(load_runnable, caplog):
    with caplog.at_level(logging.DEBUG):
        assert_and_infer_cfg(load_runnable())
    assert not caplog.text
