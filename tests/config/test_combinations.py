import pytest

from slowfast.ak.losses import LOSSES, CountedLoss
from slowfast.config import checks
from slowfast.config.combinations import ARCHS, num_pathways, phases
from slowfast.config.defaults import get_cfg
from slowfast.config.doubts import WITHOUT_COUNTS
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.resnet import ARCHITECTURES

ONE_PATHWAY = {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d", "DATA.INPUT_CHANNEL_NUM": [3]}
FROZEN = {"MODEL.FROZEN_BN": True, "RESNET.ZERO_INIT_FINAL_BN": True}
STEPS = {"SOLVER.LR_POLICY": "steps_with_relative_lrs"}

CONTRADICTIONS = [
    (
        {"MODEL.LOSS_FUNC": "distribution_balanced", "MIXUP.ENABLE": True},
        "MIXUP.LABEL_SMOOTH_VALUE = 0.1: spreads labels over all classes, and MODEL.LOSS_FUNC "
        "distribution_balanced would weigh a clip by classes that it does not show; set it to 0",
    ),
    (
        {"MIXUP.ENABLE": True, "MIXUP.LABEL_SMOOTH_VALUE": 1.0},
        "MIXUP.LABEL_SMOOTH_VALUE = 1.0: a share of the target; expected 0 to 1, without 1",
    ),
    (
        {"TRAIN.ENABLE": False, "TEST.ENABLE": False},
        "TRAIN.ENABLE = False: and TEST.ENABLE is False too: nothing is left to do; switch one on",
    ),
    (
        {"TEST.WEIGHTS": "best", "TEST.CHECKPOINT_FILE_PATH": "a.pyth"},
        "TEST.WEIGHTS = best: and TEST.CHECKPOINT_FILE_PATH a.pyth: one of them names what is "
        "tested; take TEST.WEIGHTS last, or leave the path empty",
    ),
    (
        {"TEST.WEIGHTS": "best", "TRAIN.KEEP_BEST": False},
        "TEST.WEIGHTS = best: and TRAIN.KEEP_BEST False; set that True, or take last",
    ),
    (
        {"SPEED.COMPILE": True, "MODEL.ACT_CHECKPOINT": True},
        "SPEED.COMPILE = True: cannot compile the layers that MODEL.ACT_CHECKPOINT True computes "
        "twice; set one of the two False",
    ),
    ({"SHARD_ID": 2, "NUM_SHARDS": 2}, "SHARD_ID = 2: NUM_SHARDS 2 are numbered 0 to 1"),
    (
        {"TRAIN.BATCH_SIZE": 10, "NUM_GPUS": 4},
        "TRAIN.BATCH_SIZE = 10: cannot be shared out evenly among NUM_GPUS 4; take 8 or 12",
    ),
    (
        {"TRAIN.BATCH_SIZE": 20, "NUM_GPUS": 4, "SOLVER.ACCUMULATE_STEPS": 2},
        "TRAIN.BATCH_SIZE = 20: cannot be shared out evenly among NUM_GPUS 4 and "
        "SOLVER.ACCUMULATE_STEPS 2; take 16 or 24",
    ),
    (
        {"TRAIN.BATCH_SIZE": 7, "NUM_GPUS": 0, "CPU_PROCESSES": 2},
        "TRAIN.BATCH_SIZE = 7: cannot be shared out evenly among CPU_PROCESSES 2; take 6 or 8",
    ),
    ({"DIST_TIMEOUT": 0}, "DIST_TIMEOUT = 0.0: minutes; expected a number above 0"),
    (
        {"TEST.BATCH_SIZE": 3, "NUM_GPUS": 4},
        "TEST.BATCH_SIZE = 3: cannot be shared out evenly among NUM_GPUS 4; take 4",
    ),
    (
        {"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 3, "NUM_GPUS": 4},
        "BN.NUM_SYNC_DEVICES = 3: the run's 4 processes cannot be cut into groups of 3; take a "
        "divisor",
    ),
    (
        {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 3},
        "BN.NUM_SPLITS = 3: does not divide a process's 64 clips (TRAIN.BATCH_SIZE 64); take a "
        "divisor",
    ),
    (
        {"MODEL.ARCH": "i3d", "MODEL.MODEL_NAME": "X3D"},
        "MODEL.ARCH = i3d: MODEL.MODEL_NAME X3D takes x3d, or MODEL.MODEL_NAME ResNet",
    ),
    (
        {"MODEL.ARCH": "x3d", "MODEL.MODEL_NAME": "ResNet"},
        "MODEL.ARCH = x3d: MODEL.MODEL_NAME ResNet takes 2d or c2d or c2d_nopool or i3d or "
        "i3d_nopool or slow, or MODEL.MODEL_NAME X3D",
    ),
    (
        {"DATA.NUM_FRAMES": 10, "SLOWFAST.ALPHA": 4},
        "DATA.NUM_FRAMES = 10: not divisible by SLOWFAST.ALPHA 4, by which the slow pathway thins "
        "the frames; take 8, or another ALPHA",
    ),
    (
        ONE_PATHWAY | {"DATA.NUM_FRAMES": 1},
        "DATA.NUM_FRAMES = 1: MODEL.ARCH i3d pools 2 frames into one; expected at least 2",
    ),
    (
        {"RESNET.NUM_BLOCK_TEMP_KERNEL": [[3, 1, 3], [4], [6], [3]]},
        "RESNET.NUM_BLOCK_TEMP_KERNEL = [[3, 1, 3], [4], [6], [3]]: 3 values in [3, 1, 3]; "
        "expected one for each of the 2 pathways of MODEL.ARCH slowfast",
    ),
    (
        ONE_PATHWAY | {"RESNET.SPATIAL_STRIDES": [[1, 2], [2, 2], [2, 2], [2, 2]]},
        "RESNET.SPATIAL_STRIDES = [[1, 2], [2, 2], [2, 2], [2, 2]]: 2 values in [1, 2]; expected "
        "one for each of the 1 pathways of MODEL.ARCH i3d",
    ),
    (
        {"RESNET.SPATIAL_STRIDES": [1, 2, 2, 2]},
        "RESNET.SPATIAL_STRIDES = [1, 2, 2, 2]: expected for each stage a list of one value a "
        "pathway, such as [[1], [2], [2], [2]]",
    ),
    (
        {"NONLOCAL.LOCATION": [[1], [1], [], []]},
        "NONLOCAL.LOCATION = [[1], [1], [], []]: expected for each stage a list of one value a "
        "pathway, such as [[[]], [[]], [[]], [[]]]",
    ),
    (
        {"NONLOCAL.POOL": [[[1, 2]], [[1, 2]], [[1, 2]], [[1, 2]]]},
        "NONLOCAL.POOL = [[[1, 2]], [[1, 2]], [[1, 2]], [[1, 2]]]: expected three numbers a "
        "pathway: time, height, width",
    ),
    (
        {"DATA.INPUT_CHANNEL_NUM": [1, 3]},
        "DATA.INPUT_CHANNEL_NUM = [1, 3]: frames have 3 channels; expected 3 for each pathway",
    ),
    (
        {"DATA.STD": [0.2, 0.2, 0]},
        "DATA.STD = [0.2, 0.2, 0.0]: pixels are divided by it; expected numbers above 0",
    ),
    (
        {"DATA.TRAIN_JITTER_SCALES": [340, 256]},
        "DATA.TRAIN_JITTER_SCALES = [340, 256]: expected the smallest scale first",
    ),
    (
        {"DATA.TRAIN_CROP_SIZE": 312, "DATA.TEST_CROP_SIZE": 312},
        "DATA.TRAIN_CROP_SIZE = 312: larger than 256, the smallest of DATA.TRAIN_JITTER_SCALES "
        "[256, 320]; crop at most 256 pixels, or scale to at least 312",
    ),
    (
        {"DATA.TEST_CROP_SIZE": 182},
        "DATA.TRAIN_CROP_SIZE = 224: validation crops it out of frames scaled to "
        "DATA.TEST_CROP_SIZE 182; make that at least 224",
    ),
    (
        {"MODEL.HEAD_ACT": "softmax"},
        "MODEL.HEAD_ACT = softmax: lets classes exclude each other, and DATA.MULTI_LABEL True has "
        "clips of several; take sigmoid",
    ),
    (
        {"MODEL.LOSS_FUNC": "cross_entropy"},
        "MODEL.LOSS_FUNC = cross_entropy: is for one class a clip, and DATA.MULTI_LABEL True; take "
        "bce_loss",
    ),
    (
        {"DATA.MULTI_LABEL": False},
        "MODEL.LOSS_FUNC = bce_loss: is for several classes a clip, and DATA.MULTI_LABEL False; "
        "take cross_entropy, or set DATA.MULTI_LABEL True",
    ),
    ({"LOSS.LDAM.S": 0}, "LOSS.LDAM.S = 0.0: expected a number above 0"),
    (
        {"LOSS.DISTRIBUTION_BALANCED.NEG_SCALE": -2},
        "LOSS.DISTRIBUTION_BALANCED.NEG_SCALE = -2.0: expected a number above 0",
    ),
    ({"LOSS.LDAM.BETA": [1]}, "LOSS.LDAM.BETA = [1.0]: expected less than 1"),
    (
        {"LOSS.CLASS_BALANCED_BCE.BETA": 1},
        "LOSS.CLASS_BALANCED_BCE.BETA = 1.0: expected less than 1",
    ),
    (
        {"LOSS.ASYMMETRIC_LOSS.CLIP": 1},
        "LOSS.ASYMMETRIC_LOSS.CLIP = 1.0: expected less than 1",
    ),
    (
        {"LOSS.LDAM.STEP_EPOCH": [80, 40], "LOSS.LDAM.BETA": [0.9, 0.99]},
        "LOSS.LDAM.STEP_EPOCH = [80, 40]: expected every later epoch larger, such as [80, 160]",
    ),
    (
        {"LOSS.LDAM.STEP_EPOCH": [80, 160]},
        "LOSS.LDAM.BETA = [0.9999]: 1 for the 2 stages of LOSS.LDAM.STEP_EPOCH [80, 160]; expected "
        "one for each",
    ),
    *(
        (
            {"DATA.MULTI_LABEL": False, "MODEL.LOSS_FUNC": name},
            f"MODEL.LOSS_FUNC = {name}: is for several classes a clip, and DATA.MULTI_LABEL False; "
            "take cross_entropy, or set DATA.MULTI_LABEL True",
        )
        for name in LOSSES
        if name != "bce_loss"
    ),
    (
        {"SOLVER.MAX_EPOCH": 0},
        "SOLVER.MAX_EPOCH = 0: no epoch to train; expected at least 1 (to test alone set "
        "TRAIN.ENABLE False)",
    ),
    (
        STEPS,
        "SOLVER.STEPS = []: steps_with_relative_lrs needs epochs, such as [0, 41, 49]",
    ),
    (
        STEPS | {"SOLVER.STEPS": [0, 41, 49], "SOLVER.LRS": [1, 0.1]},
        "SOLVER.LRS = [1.0, 0.1]: 2 rates for the 3 epochs of SOLVER.STEPS [0, 41, 49]; expected "
        "one for each",
    ),
    (
        STEPS | {"SOLVER.STEPS": [0, 49, 41], "SOLVER.LRS": [1, 0.1, 0.01]},
        "SOLVER.STEPS = [0, 49, 41]: expected 0 first and every later epoch larger, such as "
        "[0, 41, 49]",
    ),
    (
        STEPS | {"SOLVER.STEPS": [1, 41], "SOLVER.LRS": [1, 0.1]},
        "SOLVER.STEPS = [1, 41]: expected 0 first and every later epoch larger, such as "
        "[0, 41, 49]",
    ),
    (
        {"SOLVER.COSINE_END_LR": 0.1},
        "SOLVER.COSINE_END_LR = 0.1: not below SOLVER.BASE_LR 0.1, from which the cosine falls to "
        "it",
    ),
    (
        {"SOLVER.COSINE_AFTER_WARMUP": True, "SOLVER.WARMUP_EPOCHS": 5, "SOLVER.MAX_EPOCH": 5},
        "SOLVER.WARMUP_EPOCHS = 5.0: nothing of SOLVER.MAX_EPOCH 5 is left for the cosine that "
        "SOLVER.COSINE_AFTER_WARMUP starts there; warm up for less, or train for longer",
    ),
    (
        {"SOLVER.MOMENTUM": 0},
        "SOLVER.NESTEROV = True: needs momentum and no dampening, and has SOLVER.MOMENTUM 0.0, "
        "SOLVER.DAMPENING 0.0",
    ),
    (
        {"SOLVER.CLIP_GRAD_VAL": 1, "SOLVER.CLIP_GRAD_L2NORM": 2},
        "SOLVER.CLIP_GRAD_VAL = 1.0: and SOLVER.CLIP_GRAD_L2NORM 2.0: gradients are clipped in one "
        "way; set the other to None",
    ),
    (
        {"SOLVER.BETAS": [0.9, 1.0]},
        "SOLVER.BETAS = [0.9, 1.0]: expected two numbers below 1",
    ),
    (
        {"TEST.NUM_ENSEMBLE_VIEWS": 0},
        "TEST.NUM_ENSEMBLE_VIEWS = 0: expected 1 or more, or -1 for 1, 3, 5, 7 and 10",
    ),
    (
        FROZEN,
        "MODEL.FROZEN_BN = True: freezes the norms that RESNET.ZERO_INIT_FINAL_BN True starts at "
        "zero, so that no residual branch would ever count; give the weights to fine-tune as "
        "TRAIN.CHECKPOINT_FILE_PATH, or set one of the two False",
    ),
    (
        {"SLOWFAST.FUSION_KERNEL_SZ": 4},
        "SLOWFAST.FUSION_KERNEL_SZ = 4: an even kernel changes the number of frames, and the "
        "pathways no longer fit; take 3 or 5",
    ),
    (
        {"SLOWFAST.BETA_INV": 65},
        "SLOWFAST.BETA_INV = 65: leaves the fast pathway no channel of RESNET.WIDTH_PER_GROUP 64; "
        "take at most that",
    ),
    ({"X3D.WIDTH_FACTOR": 0}, "X3D.WIDTH_FACTOR = 0.0: expected a number above 0"),
    ({"X3D.DEPTH_FACTOR": 0}, "X3D.DEPTH_FACTOR = 0.0: expected a number above 0"),
    ({"X3D.BOTTLENECK_FACTOR": 0}, "X3D.BOTTLENECK_FACTOR = 0.0: expected a number above 0"),
    *(
        (
            {"TEST.SAVE_RESULTS_PATH": path},
            f"TEST.SAVE_RESULTS_PATH = {path}: names a folder; expected a file, such as "
            "results.pkl",
        )
        for path in (".", "..", "a/", "a/..", "/")
    ),
    *(
        (
            {"TEST.SAVE_RESULTS_PATH": path},
            f"TEST.SAVE_RESULTS_PATH = {path}: names the pickle, beside which a .csv and a .json "
            "of the same name are written; take a/b.pkl",
        )
        for path in ("a/b.csv", "a/b.json", "a/b.JSON")
    ),
    *(
        (
            {"DATA_LOADER.REPEAT_THRESHOLD": share},
            f"DATA_LOADER.REPEAT_THRESHOLD = {share}: a share of the clips; expected 0 to 1, "
            "without 0",
        )
        for share in (0.0, 1.5)
    ),
    *(
        (
            {"LOSS.LABEL_SMOOTHING": share},
            f"LOSS.LABEL_SMOOTHING = {share}: a share of the target; expected 0 to 1, without 1",
        )
        for share in (-0.1, 1.0)
    ),
    (
        {"MIXUP.ENABLE": True, "TRAIN.BATCH_SIZE": 2, "NUM_GPUS": 2},
        "MIXUP.ENABLE = True: mixes the clips of a process, and TRAIN.BATCH_SIZE 2 leaves each of "
        "them 1; give each 2 or more",
    ),
    (
        {"MIXUP.ENABLE": True, "MIXUP.ALPHA": 0, "MIXUP.CUTMIX_ALPHA": 0},
        "MIXUP.ALPHA = 0.0: and MIXUP.CUTMIX_ALPHA 0.0 mix nothing; raise one",
    ),
    (
        {"MIXUP.ENABLE": True, "LOSS.LABEL_SMOOTHING": 0.1},
        "LOSS.LABEL_SMOOTHING = 0.1: is MIXUP.LABEL_SMOOTH_VALUE 0.1 where MIXUP.ENABLE is True; "
        "leave it at 0 and set that one",
    ),
    (
        {"AUG.ENABLE": True, "AUG.AA_TYPE": "rand-m9-mstd0.5"},
        "AUG.AA_TYPE = rand-m9-mstd0.5: it lacks inc1: the older set, some operations of which "
        "weaken as the magnitude grows, is not built; expected a text such as "
        '"rand-m9-mstd0.5-inc1" or, with 4 operations, "rand-m7-n4-mstd0.5-inc1"; empty: '
        "brightness, contrast and saturation as AUG.COLOR_JITTER says",
    ),
    (
        {"AUG.ENABLE": True, "AUG.AA_TYPE": "", "AUG.COLOR_JITTER": 0, "AUG.RE_PROB": 0},
        "AUG.ENABLE = True: and neither AUG.AA_TYPE nor AUG.COLOR_JITTER 0.0 nor AUG.RE_PROB 0.0 "
        "changes a clip; set one",
    ),
    (
        {"DATA.DECODING_DEVICE": "cuda"},
        "DATA.DECODING_DEVICE = cuda: torchcodec alone decodes on a GPU: set "
        "DATA.DECODING_BACKEND to it (it is torchvision), or take cpu",
    ),
    ({"AK.HEAD_MIN": 50}, "AK.HEAD_MIN = 50: expected more than AK.TAIL_MAX 100"),
]


@pytest.mark.parametrize(
    ("settings", "line"), CONTRADICTIONS, ids=[line.split(" =")[0] for _, line in CONTRADICTIONS]
)
def test_contradiction_is_told_in_words(settings, line, load_runnable):
    cfg = load_runnable(settings)
    (problem,) = checks.problems(cfg)
    source, _, told = problem.partition(": ")
    assert told == line
    assert source in ("X.yaml", "X.yaml (default)")


FINE = [
    {},
    ONE_PATHWAY,
    {"MODEL.MODEL_NAME": "X3D", "MODEL.ARCH": "x3d", "RESNET.TRANS_FUNC": "x3d_transform"},
    {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d_nopool", "DATA.NUM_FRAMES": 1},
    # Frames of one pathway are not thinned.
    ONE_PATHWAY | {"DATA.NUM_FRAMES": 10, "SLOWFAST.ALPHA": 4},
    # One value serves both pathways, and so do two equal ones a single pathway.
    {"RESNET.NUM_BLOCK_TEMP_KERNEL": [[3], [4, 4], [6], [3]]},
    ONE_PATHWAY | {"RESNET.SPATIAL_STRIDES": [[1, 1], [2, 2], [2], [2]]},
    {"NONLOCAL.LOCATION": [[[], []], [[1, 3], []], [[1], []], [[], []]]},
    # The recipe cannot be trained, but it can be tested.
    {"TRAIN.ENABLE": False, "SOLVER.MAX_EPOCH": 0, "TRAIN.BATCH_SIZE": 3, "NUM_GPUS": 2},
    {"TRAIN.ENABLE": False, "DATA.TRAIN_CROP_SIZE": 400, "MODEL.LOSS_FUNC": "cross_entropy"},
    {"TEST.ENABLE": False, "TEST.BATCH_SIZE": 3, "NUM_GPUS": 2},
    # charades validates on training's scales and never looks at TEST_CROP_SIZE there.
    {"TRAIN.DATASET": "charades", "DATA.TEST_CROP_SIZE": 182},
    STEPS | {"SOLVER.STEPS": [0, 41], "SOLVER.LRS": [1, 0.1, 0.01]},
    {"DATA.MULTI_LABEL": False, "MODEL.HEAD_ACT": "softmax", "MODEL.LOSS_FUNC": "cross_entropy"},
    {"MODEL.LOSS_FUNC": "soft_cross_entropy"},
    FROZEN | {"TRAIN.CHECKPOINT_FILE_PATH": "weights.pyth"},
    FROZEN | {"TRAIN.ENABLE": False},
    {"MODEL.FROZEN_BN": True},
    ONE_PATHWAY | {"SLOWFAST.FUSION_KERNEL_SZ": 4, "SLOWFAST.BETA_INV": 65},
    {"SLOWFAST.BETA_INV": 64, "SLOWFAST.FUSION_KERNEL_SZ": 1},
    {"TEST.SAVE_RESULTS_PATH": "a.b/results"},
    {"TEST.SAVE_RESULTS_PATH": "results.csv", "TEST.ENABLE": False},
    {"TEST.NUM_ENSEMBLE_VIEWS": -1},
    {"TEST.NUM_ENSEMBLE_VIEWS": 1, "TEST.NUM_TEMPORAL_CLIPS": [1, 3], "TEST.NUM_SPATIAL_CROPS": 1},
    {"NUM_GPUS": 0, "TRAIN.BATCH_SIZE": 3},
    {"MIXUP.ENABLE": True, "MIXUP.ALPHA": 0},
    {"MIXUP.ENABLE": True, "TRAIN.BATCH_SIZE": 1, "TRAIN.ENABLE": False},
    {"LOSS.LABEL_SMOOTHING": 0.1},
    {"AUG.ENABLE": True},
    {"AUG.ENABLE": True, "AUG.AA_TYPE": ""},
    {"AUG.AA_TYPE": "nonsense"},
    {"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 4, "NUM_GPUS": 1},
    {"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 4, "NUM_GPUS": 2, "NUM_SHARDS": 2},
    {"BN.NORM_TYPE": "sync_batchnorm", "BN.GLOBAL_SYNC": True, "BN.NUM_SYNC_DEVICES": 3},
    {"SOLVER.CLIP_GRAD_VAL": 0, "SOLVER.CLIP_GRAD_L2NORM": 2},
    {"SOLVER.OPTIMIZING_METHOD": "adamw", "SOLVER.MOMENTUM": 0},
    # As released for X3D: never leaves the warm-up, which is allowed, and logged.
    {"SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 35, "SOLVER.BASE_LR": 0.05},
    # As released for X3D: a ResNet of X3D's blocks, which is allowed, and logged.
    ONE_PATHWAY | {"RESNET.TRANS_FUNC": "x3d_transform", "X3D.WIDTH_FACTOR": 2.0},
]


@pytest.mark.parametrize("settings", FINE)
def test_what_can_be_run_is_not_refused(settings, load_runnable):
    assert checks.problems(load_runnable(settings)) == []


def test_frozen_norms_are_those_of_the_checkpoint_that_is_resumed(load_runnable, tmp_path):
    cfg = load_runnable(FROZEN | {"OUTPUT_DIR": str(tmp_path)})
    (tmp_path / "checkpoints").mkdir()
    assert len(checks.problems(cfg)) == 1
    (tmp_path / "checkpoints/checkpoint_epoch_00001.pyth").touch()
    assert checks.problems(cfg) == []
    cfg.TRAIN.AUTO_RESUME = False
    assert len(checks.problems(cfg)) == 1
    cfg.TRAIN.AUTO_RESUME = True
    for impossible in ("x" * 5000, "a\0b"):
        cfg.OUTPUT_DIR = impossible
        assert len(checks.problems(cfg)) == 1


def test_architectures_are_those_that_the_networks_build(load_runnable):
    assert set(ARCHS) == {name for name, _ in MODEL_REGISTRY}
    assert ARCHS["ResNet"] == tuple(ARCHITECTURES)
    known = {*get_cfg().MODEL.SINGLE_PATHWAY_ARCH, *get_cfg().MODEL.MULTI_PATHWAY_ARCH}
    assert {*ARCHS["SlowFast"], *ARCHS["X3D"]} < known


def test_num_pathways_and_phases(load_runnable):
    assert num_pathways(load_runnable()) == 2
    assert num_pathways(load_runnable(ONE_PATHWAY)) == 1
    assert phases(load_runnable({"TRAIN.ENABLE": False})) == ["TEST"]


def test_losses_without_counts_are_those_that_take_none():
    for name, loss in LOSSES.items():
        assert (name in WITHOUT_COUNTS) != issubclass(loss.__wrapped__, CountedLoss), name
