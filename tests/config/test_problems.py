"""Settings with which a run cannot start are refused, each with its key and what to do."""

import pytest

from slowfast.config import checks

ONE_PATHWAY = {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d", "DATA.INPUT_CHANNEL_NUM": [3]}
FROZEN = {"MODEL.FROZEN_BN": True, "RESNET.ZERO_INIT_FINAL_BN": True}
STEPS = {"SOLVER.LR_POLICY": "steps_with_relative_lrs"}
TWO_STEPS = STEPS | {"SOLVER.STEPS": [0, 41], "SOLVER.LRS": [1, 0.1]}
LONG_CYCLE = {"MULTIGRID.LONG_CYCLE": True}
MIXUP = {"MIXUP.ENABLE": True}
AUG = {"AUG.ENABLE": True}
LDAM = {"MODEL.LOSS_FUNC": "LDAM"}
SCALES, ASPECT = "DATA.TRAIN_JITTER_SCALES_RELATIVE", "DATA.TRAIN_JITTER_ASPECT_RELATIVE"
RATIOS = {ASPECT: [0.75, 1.3333]}
SYNC = {"BN.NORM_TYPE": "sync_batchnorm"}

# Settings, the key that is blamed, and words of the message.
PROBLEMS = [
    # ------------------------------------------------------------ names
    ({"MODEL.MODEL_NAME": "MaskMViT"}, "MODEL.MODEL_NAME", "pre-training is not built here yet"),
    ({"MODEL.MODEL_NAME": "Slowfast"}, "MODEL.MODEL_NAME", "did you mean SlowFast? expected one "),
    ({"TRAIN.DATASET": "Ava"}, "TRAIN.DATASET", "this data set is not built here yet"),
    ({"TEST.DATASET": "charade"}, "TEST.DATASET", "did you mean charades? expected one of ak, "),
    ({"MODEL.LOSS_FUNC": "contrastive_loss"}, "MODEL.LOSS_FUNC", "belongs to contrastive training"),
    ({"MODEL.LOSS_FUNC": "bce_los"}, "MODEL.LOSS_FUNC", "did you mean bce_loss or"),
    ({"MODEL.LOSS_FUNC": "bce"}, "MODEL.LOSS_FUNC", "takes probabilities"),
    (
        {"TASK": "ssl"},
        "TASK",
        "not built here yet; expected '' or, to train with labels too, a name",
    ),
    # ------------------------------------------------------------ values
    ({"MODEL.HEAD_ACT": "sigmod"}, "MODEL.HEAD_ACT", "did you mean sigmoid? expected one of "),
    ({"RECIPE.INIT": "imagenet"}, "RECIPE.INIT", "expected one of '', scratch, kinetics"),
    ({"RESNET.DEPTH": 34}, "RESNET.DEPTH", "expected one of 18, 50, 101"),
    ({"TRAIN.BATCH_SIZE": 0}, "TRAIN.BATCH_SIZE", "expected at least 1"),
    ({"RNG_SEED": 2**63}, "RNG_SEED", "expected at most 9223372036854775807"),
    ({"SOLVER.BASE_LR": float("inf")}, "SOLVER.BASE_LR", "expected a finite number"),
    ({"DATA.MEAN": [0.5]}, "DATA.MEAN", "found 1 entries; expected 3"),
    ({"LOSS.EQL.GAMMA": 1.5}, "LOSS.EQL.GAMMA", "expected at most 1"),
    ({"LOSS.LDAM.BETA": [-0.5]}, "LOSS.LDAM.BETA", "expected at least 0"),
    ({"LOSS.LDAM.BETA": [1]}, "LOSS.LDAM.BETA", "expected a number below 1"),
    ({"LOSS.LDAM.S": 0}, "LOSS.LDAM.S", "expected a number above 0"),
    ({"DATA.STD": [0.2, 0.2, 0]}, "DATA.STD", "expected numbers above 0"),
    ({"SOLVER.LAYER_DECAY": 0}, "SOLVER.LAYER_DECAY", "expected a number above 0"),
    ({"TRAIN.KILL_LOSS_EXPLOSION_FACTOR": 0.5}, "TRAIN.KILL_LOSS_EXPLOSION_FACTOR", "above 1"),
    # ------------------------------------------------------------ multigrid
    (LONG_CYCLE, "MULTIGRID.LONG_CYCLE", "take steps_with_relative_lrs, or"),
    (
        STEPS | LONG_CYCLE | {"SOLVER.STEPS": [0], "SOLVER.LRS": [1]},
        "SOLVER.STEPS",
        "needs two steps or more",
    ),
    (
        TWO_STEPS | LONG_CYCLE | {"SLOWFAST.ALPHA": 4, "MULTIGRID.LONG_CYCLE_FACTORS": [[0.25, 1]]},
        "MULTIGRID.LONG_CYCLE_FACTORS",
        "gives clips of 2 frames and 224 pixels: not divisible by SLOWFAST.ALPHA 4",
    ),
    (
        TWO_STEPS | LONG_CYCLE | {"MULTIGRID.LONG_CYCLE_FACTORS": [0.5, 1]},
        "MULTIGRID.LONG_CYCLE_FACTORS",
        "expected two factors a phase",
    ),
    (
        {"MULTIGRID.LONG_CYCLE_SAMPLING_RATE": 4},
        "MULTIGRID.LONG_CYCLE_SAMPLING_RATE",
        "expected 0, or at least DATA.SAMPLING_RATE 8",
    ),
    # ------------------------------------------------------------ run
    ({"TRAIN.ENABLE": False, "TEST.ENABLE": False}, "TRAIN.ENABLE", "there is nothing to do"),
    ({"SHARD_ID": 2, "NUM_SHARDS": 2}, "SHARD_ID", "the machines have the numbers 0 to 1"),
    ({"DIST_TIMEOUT": 0}, "DIST_TIMEOUT", "expected minutes above 0"),
    ({"SPEED.COMPILE": True, "MODEL.ACT_CHECKPOINT": True}, "SPEED.COMPILE", "cannot be compiled"),
    ({"TRAIN.BATCH_SIZE": 10, "NUM_GPUS": 4}, "TRAIN.BATCH_SIZE", "NUM_GPUS 4; take 8 or 12"),
    (
        {"TRAIN.BATCH_SIZE": 20, "NUM_GPUS": 4, "SOLVER.ACCUMULATE_STEPS": 2},
        "TRAIN.BATCH_SIZE",
        "among NUM_GPUS 4 and SOLVER.ACCUMULATE_STEPS 2; take 16 or 24",
    ),
    (
        {"TEST.BATCH_SIZE": 1, "TRAIN.BATCH_SIZE": 6, "NUM_GPUS": 0, "CPU_PROCESSES": 2},
        "TEST.BATCH_SIZE",
        "among CPU_PROCESSES 2; take 2",
    ),
    ({"TEST.NUM_ENSEMBLE_VIEWS": 0}, "TEST.NUM_ENSEMBLE_VIEWS", "expected 1 or more, or -1"),
    (
        {"TEST.WEIGHTS": "best", "TEST.CHECKPOINT_FILE_PATH": "a.pyth"},
        "TEST.WEIGHTS",
        "TEST.CHECKPOINT_FILE_PATH a.pyth names the weights to test as well",
    ),
    ({"TEST.WEIGHTS": "best", "TRAIN.KEEP_BEST": False}, "TEST.WEIGHTS", "no best weights are"),
    ({"TEST.SAVE_RESULTS_PATH": "a/.."}, "TEST.SAVE_RESULTS_PATH", "names a folder"),
    ({"TEST.SAVE_RESULTS_PATH": "a/b.JSON"}, "TEST.SAVE_RESULTS_PATH", "take a/b.pkl"),
    # ------------------------------------------------------------ network
    # tests/models/test_network_checks.py has the checks that each network brings.
    ({"MODEL.ARCH": "i3d", "MODEL.MODEL_NAME": "X3D"}, "MODEL.ARCH", "X3D takes x3d, or MODEL.MO"),
    ({"DATA.NUM_FRAMES": 10, "SLOWFAST.ALPHA": 4}, "DATA.NUM_FRAMES", "take 8"),
    # ------------------------------------------------------------ data
    ({"DATA.INPUT_CHANNEL_NUM": [1, 3]}, "DATA.INPUT_CHANNEL_NUM", "frames have 3 channels"),
    ({"DATA.TRAIN_JITTER_SCALES": [340, 256]}, "DATA.TRAIN_JITTER_SCALES", "smallest scale first"),
    (
        {"DATA.TRAIN_CROP_SIZE": 312, "DATA.TEST_CROP_SIZE": 312},
        "DATA.TRAIN_CROP_SIZE",
        "larger than 256, the smallest of DATA.TRAIN_JITTER_SCALES [256, 320]",
    ),
    ({"DATA.TEST_CROP_SIZE": 182}, "DATA.TRAIN_CROP_SIZE", "make that at least 224"),
    (RATIOS | {SCALES: [0.08]}, SCALES, "expected two numbers, the smaller first, such as ["),
    (RATIOS | {SCALES: [0.0, 1.0]}, SCALES, "expected a number above 0"),
    (RATIOS | {SCALES: [0.5, 1.5]}, SCALES, "expected at most 1"),
    ({SCALES: [0.5, 1.0], ASPECT: [4 / 3, 3 / 4]}, ASPECT, "the smaller first, such as [0.75, 1.3"),
    ({SCALES: [0.08, 1.0]}, SCALES, f"also needs {ASPECT}, such as [0.75, 1.3333]; set both, or "),
    (
        # Kinetics validates with crops at random scales.
        {"TRAIN.DATASET": "kinetics", "DATA.TRAIN_CROP_SIZE": 312, "DATA.MULTI_LABEL": False}
        | {"MODEL.HEAD_ACT": "softmax", "MODEL.LOSS_FUNC": "cross_entropy"}
        | RATIOS
        | {SCALES: [0.08, 1.0]},
        "DATA.TRAIN_CROP_SIZE",
        "larger than 256, the smallest of DATA.TRAIN_JITTER_SCALES",
    ),
    (RATIOS, ASPECT, f"a random resized crop also needs {SCALES}, such as [0.08, 1.0]"),
    ({"DATA.DECODING_DEVICE": "cuda"}, "DATA.DECODING_DEVICE", "only torchcodec decodes on a GPU"),
    ({"DATA_LOADER.REPEAT_THRESHOLD": 0.0}, "DATA_LOADER.REPEAT_THRESHOLD", "above 0 and at most"),
    ({"AK.IMAGE_RANGE": [4095.0, 0.0]}, "AK.IMAGE_RANGE", "the value of black first"),
    ({"AK.HEAD_MIN": 50}, "AK.HEAD_MIN", "expected more than AK.TAIL_MAX 100"),
    (AUG | {"AUG.AA_TYPE": "rand-m9-mstd0.5"}, "AUG.AA_TYPE", "inc1"),
    # ------------------------------------------------------------ training
    ({"MODEL.HEAD_ACT": "softmax"}, "MODEL.HEAD_ACT", "take sigmoid"),
    ({"MODEL.LOSS_FUNC": "cross_entropy"}, "MODEL.LOSS_FUNC", "is for one class a clip"),
    (LDAM | {"DATA.MULTI_LABEL": False}, "MODEL.LOSS_FUNC", "is for several classes a clip"),
    (
        LDAM | {"LOSS.LDAM.STEP_EPOCH": [80, 40], "LOSS.LDAM.BETA": [0.9, 0.99]},
        "LOSS.LDAM.STEP_EPOCH",
        "expected every later epoch larger",
    ),
    (LDAM | {"LOSS.LDAM.STEP_EPOCH": [80, 160]}, "LOSS.LDAM.BETA", "found 1 for the 2 stages"),
    (
        MIXUP | {"MODEL.LOSS_FUNC": "distribution_balanced"},
        "MIXUP.LABEL_SMOOTH_VALUE",
        "smoothed labels carry all classes",
    ),
    ({"LOSS.LABEL_SMOOTHING": 1.0}, "LOSS.LABEL_SMOOTHING", "at least 0 and below 1"),
    (MIXUP | {"MIXUP.ALPHA": 0, "MIXUP.CUTMIX_ALPHA": 0}, "MIXUP.ALPHA", "no clips are mixed"),
    (MIXUP | {"FRAMESTACK.ENABLE": True}, "FRAMESTACK.ENABLE", "take one of the two"),
    ({"FRAMESTACK.ENABLE": True, "FRAMESTACK.PROB": 1}, "FRAMESTACK.PROB", "below 1"),
    (
        {
            "FRAMESTACK.ENABLE": True,
            "DATA.NUM_FRAMES": 1,
            "MODEL.MODEL_NAME": "ResNet",
            "MODEL.ARCH": "slow",
            "DATA.INPUT_CHANNEL_NUM": [3],
        },
        "FRAMESTACK.ENABLE",
        "a clip has no frames to exchange",
    ),
    (MIXUP | {"LOSS.LABEL_SMOOTHING": 0.1}, "LOSS.LABEL_SMOOTHING", "MIXUP.LABEL_SMOOTH_VALUE 0.1"),
    ({"SOLVER.MAX_EPOCH": 0}, "SOLVER.MAX_EPOCH", "expected at least 1 epoch"),
    (STEPS, "SOLVER.STEPS", "needs epochs, such as [0, 41, 49]"),
    (
        STEPS | {"SOLVER.STEPS": [0, 49, 41], "SOLVER.LRS": [1, 0.1, 0.01]},
        "SOLVER.STEPS",
        "expected 0 first and every later epoch larger",
    ),
    (
        STEPS | {"SOLVER.STEPS": [0, 41], "SOLVER.LRS": [1]},
        "SOLVER.LRS",
        "1 rates for the 2 epochs",
    ),
    ({"SOLVER.COSINE_END_LR": 0.1}, "SOLVER.COSINE_END_LR", "less than SOLVER.BASE_LR 0.1"),
    (
        {"SOLVER.COSINE_AFTER_WARMUP": True, "SOLVER.WARMUP_EPOCHS": 5, "SOLVER.MAX_EPOCH": 5},
        "SOLVER.WARMUP_EPOCHS",
        "leaves no epoch of SOLVER.MAX_EPOCH 5 for the cosine",
    ),
    ({"SOLVER.MOMENTUM": 0}, "SOLVER.NESTEROV", "needs a momentum above 0"),
    ({"SOLVER.BETAS": [0.9, 1.0]}, "SOLVER.BETAS", "expected two numbers below 1"),
    ({"SOLVER.CLIP_GRAD_VAL": 1, "SOLVER.CLIP_GRAD_L2NORM": 2}, "SOLVER.CLIP_GRAD_VAL", "to None"),
    (
        SYNC | {"BN.NUM_SYNC_DEVICES": 3, "NUM_GPUS": 4},
        "BN.NUM_SYNC_DEVICES",
        "the 4 processes of the run cannot be divided into groups of 3",
    ),
    ({"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 3}, "BN.NUM_SPLITS", "divide the 64 clips"),
    (FROZEN, "MODEL.FROZEN_BN", "residual branches have no effect"),
]


@pytest.mark.parametrize(("settings", "key", "words"), PROBLEMS)
def test_problem_is_reported_with_its_key(settings, key, words, load_runnable):
    (found,) = checks.problems(load_runnable(settings))
    source, _, text = found.partition(": ")
    assert source in ("X.yaml", "X.yaml (default)")
    assert text.startswith(f"{key} = ")
    assert words in text


CAN_RUN = [
    {},
    ONE_PATHWAY,
    {"MODEL.MODEL_NAME": "X3D", "MODEL.ARCH": "x3d", "RESNET.TRANS_FUNC": "x3d_transform"},
    {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d_nopool", "DATA.NUM_FRAMES": 1},
    # ALPHA, and the keys of the fusion, are for two pathways.
    ONE_PATHWAY | {"DATA.NUM_FRAMES": 10, "SLOWFAST.ALPHA": 4, "SLOWFAST.FUSION_KERNEL_SZ": 4},
    # One value serves both pathways, and two equal values serve one pathway.
    {"RESNET.NUM_BLOCK_TEMP_KERNEL": [[3], [4, 4], [6], [3]]},
    ONE_PATHWAY | {"RESNET.SPATIAL_STRIDES": [[1, 1], [2, 2], [2], [2]]},
    {"NONLOCAL.LOCATION": [[[], []], [[1, 3], []], [[1], []], [[], []]]},
    # Settings that only training reads.
    {"TRAIN.ENABLE": False, "SOLVER.MAX_EPOCH": 0, "TRAIN.BATCH_SIZE": 3, "NUM_GPUS": 2},
    {"TRAIN.ENABLE": False, "DATA.TRAIN_CROP_SIZE": 400, "MODEL.LOSS_FUNC": "cross_entropy"},
    {"TRAIN.ENABLE": False, "TRAIN.DATASET": "ava", "MODEL.LOSS_FUNC": "x"},
    FROZEN | MIXUP | {"TRAIN.ENABLE": False, "TRAIN.BATCH_SIZE": 1},
    # Settings that only a test reads.
    {"TEST.ENABLE": False, "TEST.BATCH_SIZE": 3, "NUM_GPUS": 2, "TEST.DATASET": "ava"},
    {"TEST.ENABLE": False, "TEST.SAVE_RESULTS_PATH": "results.csv", "TEST.NUM_ENSEMBLE_VIEWS": 0},
    # charades validates on the scales of training, and does not read TEST_CROP_SIZE there.
    {"TRAIN.DATASET": "charades", "DATA.TEST_CROP_SIZE": 182},
    STEPS | {"SOLVER.STEPS": [0, 41], "SOLVER.LRS": [1, 0.1, 0.01]},
    {"DATA.MULTI_LABEL": False, "MODEL.HEAD_ACT": "softmax", "MODEL.LOSS_FUNC": "cross_entropy"},
    {"MODEL.LOSS_FUNC": "soft_cross_entropy"},
    FROZEN | {"TRAIN.CHECKPOINT_FILE_PATH": "weights.pyth"},
    {"TEST.NUM_ENSEMBLE_VIEWS": -1, "TEST.SAVE_RESULTS_PATH": "a.b/results"},
    MIXUP | {"MIXUP.ALPHA": 0},
    AUG | {"AUG.AA_TYPE": "", "LOSS.LABEL_SMOOTHING": 0.1},
    SYNC | {"BN.NUM_SYNC_DEVICES": 4, "NUM_GPUS": 2, "NUM_SHARDS": 2},
    SYNC | {"BN.GLOBAL_SYNC": True, "BN.NUM_SYNC_DEVICES": 3},
    {"SOLVER.CLIP_GRAD_VAL": 0, "SOLVER.CLIP_GRAD_L2NORM": 2},
    {"SOLVER.OPTIMIZING_METHOD": "adamw", "SOLVER.MOMENTUM": 0},
    # X3D as released: the warm-up never ends, and a ResNet has the blocks of X3D.
    {"SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 35, "SOLVER.BASE_LR": 0.05},
    ONE_PATHWAY | {"RESNET.TRANS_FUNC": "x3d_transform", "X3D.WIDTH_FACTOR": 2.0},
]


@pytest.mark.parametrize("settings", CAN_RUN)
def test_what_can_run_is_not_refused(settings, load_runnable):
    assert checks.problems(load_runnable(settings)) == []


def test_frozen_norms_are_allowed_when_a_checkpoint_is_resumed(load_runnable, tmp_path):
    cfg = load_runnable(FROZEN | {"OUTPUT_DIR": str(tmp_path)})
    (tmp_path / "checkpoints").mkdir()
    assert len(checks.problems(cfg)) == 1
    (tmp_path / "checkpoints/checkpoint_epoch_00001.pyth").touch()
    assert checks.problems(cfg) == []
    cfg.TRAIN.AUTO_RESUME = False
    assert len(checks.problems(cfg)) == 1
    cfg.TRAIN.AUTO_RESUME = True
    cfg.OUTPUT_DIR = "a\0b"  # no folder can have this name
    assert len(checks.problems(cfg)) == 1
