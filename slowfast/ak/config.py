"""The configuration keys of this project, for this tree and for upstream checkouts.

``KEYS`` gives for each key its default, its meaning and its limits. The keys LOSS.<NAME>.* are
declared by the losses themselves (``slowfast.ak.losses``).
"""

from __future__ import annotations

import copy
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Key

KEYS: dict[str, Key] = {
    "AK.FRAMES": Key(
        "auto",
        "Source of the frames: image reads extracted JPEG files, video decodes the mp4 files, auto "
        "reads JPEG files if their folder exists, and decodes videos otherwise.",
        choices=("auto", "image", "video"),
    ),
    "AK.VIDEO_PREFIX": Key(
        "", "Folder of the mp4 files; empty: the folder `video` beside DATA.PATH_PREFIX."
    ),
    "AK.CLASSES": Key(
        "",
        "Table (xlsx or csv) of class names and of head, middle and tail; empty: df_action.xlsx or "
        "df_action_count.xlsx in DATA.PATH_TO_DATA_DIR, if there is one.",
    ),
    "AK.HOLDOUT": Key(
        "",
        "Text file of training clips that are used for evaluation during training, and not for "
        "training; tools/make_holdout.py makes it. val.csv is then used by the test only. Empty: "
        "val.csv is used for both.",
    ),
    "AK.HEAD_MIN": Key(
        500,
        "Smallest number of training clips of a head class, if no table defines segments.",
    ),
    "AK.TAIL_MAX": Key(
        100, "Largest number of training clips of a tail class, if no table defines segments."
    ),
    "DATA.SAMPLING": Key(
        "dense",
        "Which frames of a clip the network sees. dense: a window of NUM_FRAMES frames at a "
        "distance of SAMPLING_RATE; the windows of a test are spread from start to end of the "
        "clip. uniform: one frame from each of NUM_FRAMES equal parts of the clip: a random one in "
        "training, the central one in validation, and the one at (v + 1/2) / V of each part in "
        "view v of V of a test; SAMPLING_RATE is not read.",
        choices=("dense", "uniform"),
    ),
    "DATA.DECODING_DEVICE": Key(
        "cpu",
        "Device on which DATA.DECODING_BACKEND torchcodec decodes: cpu, or cuda, the decoder of "
        "the GPU (NVDEC); each worker then uses some GPU memory.",
        choices=("cpu", "cuda"),
    ),
    "LOSS.CLASS_COUNTS": Key(
        "",
        "Sheet (xlsx or csv, columns action, index, count) with the number of clips of each class, "
        "for losses that need it; empty: clips are counted in the training list.",
    ),
    "DATA.MAX_BAD_FRACTION": Key(
        0.01,
        "Largest share of training clips that may be missing or unreadable, and of validation "
        "clips that may be missing. Training replaces them by other clips, evaluation leaves them "
        "out. With a larger share the run stops. One clip is always allowed, unless this is 0. A "
        "test does not stop; it lists the clips that it leaves out.",
        low=0,
        high=1,
    ),
    "DATA.READ_TIMEOUT": Key(
        300.0,
        "Seconds within which a clip must be read. After them it counts as unreadable, so that a "
        "file server that hangs does not block the run. 0: no limit.",
        low=0,
    ),
    "DATA_LOADER.SAMPLER": Key(
        "shuffle",
        "How often an epoch of training uses each clip. shuffle: once. class_balanced: draws a "
        "class at random, then one of its clips. square_root: the same, with classes weighted by "
        "the square root of their number of clips. repeat_factor: clips of rare classes several "
        "times, all others once.",
        choices=("shuffle", "class_balanced", "square_root", "repeat_factor"),
    ),
    "DATA_LOADER.REPEAT_THRESHOLD": Key(
        0.01,
        "Share of training clips below which repeat_factor uses the clips of a class more than "
        "once: sqrt(threshold / share) times. For Animal Kingdom 0.01 is 240 clips: the tail and a "
        "part of the middle.",
    ),
    "LOSS.LABEL_SMOOTHING": Key(
        0.0,
        "Share e of a target that is spread over all C classes in training: y (1 - e) + e / C, for "
        "one label or several labels a clip. With MIXUP.ENABLE, MIXUP.LABEL_SMOOTH_VALUE is used.",
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_SKIP_HEAD": Key(
        False,
        "Load TRAIN.CHECKPOINT_FILE_PATH without the projection of the head, which starts from new "
        "weights, and count epochs from the first.",
    ),
    "TRAIN.MIXED_PRECISION_TYPE": Key(
        "fp16",
        "Type of TRAIN.MIXED_PRECISION: fp16 with loss scaling, or bf16 without, which needs a GPU "
        "of 2020 or later (or a CPU).",
        choices=("fp16", "bf16"),
        tree_only=True,
    ),
    "TRAIN.KEEP_BEST": Key(
        True,
        "Save the weights with the best evaluation as checkpoints/best.pyth: the highest mAP, or "
        "with one label a clip the lowest top-1 error.",
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_KEEP": Key(
        0,
        "Number of checkpoints of finished epochs that are kept, the newest ones; 0: all. The file "
        "of TRAIN.KEEP_BEST is always kept.",
        low=0,
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_MINUTES": Key(
        15.0,
        "Minutes between two checkpoints within an epoch; a crash loses at most this time. 0: no "
        "checkpoints by time.",
        low=0,
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_ITERATIONS": Key(
        0,
        "Iterations between two checkpoints within an epoch; 0: no checkpoints by iterations.",
        low=0,
        tree_only=True,
    ),
    "TEST.WEIGHTS": Key(
        "last",
        "Which checkpoint of OUTPUT_DIR is tested: last, or best, which is chosen on AK.HOLDOUT. "
        "Without a hold-out it is chosen on the test set, and the figures are optimistic.",
        choices=("last", "best"),
        tree_only=True,
    ),
    "TEST.BOOTSTRAP": Key(
        1000,
        "Number of resamples of the test clips for the 95 % interval of each mAP (`interval_map` "
        "and others in json_stats and in the results). 0: no intervals.",
        low=0,
        tree_only=True,
    ),
    "TEST.MORE_METRICS": Key(
        False,
        "Also measure F1 (macro and micro, at threshold 0.5 and at the best one), area under the "
        "ROC curve, coverage and calibration error in a test with several labels a clip.",
        tree_only=True,
    ),
    "SOLVER.ACCUMULATE_STEPS": Key(
        1,
        "Number of parts into which a process divides its clips of a step. Each part has a forward "
        "and a backward pass, and gradients are summed. TRAIN.BATCH_SIZE, learning rate and "
        "schedule do not change; memory is that of one part. Batch norm sees one part at a time.",
        low=1,
        tree_only=True,
    ),
    "SOLVER.EMA_DECAY": Key(
        0.0,
        "Decay per step of a running average of the weights, which is then evaluated and tested; "
        "0.999 is usual. 0: no average.",
        low=0,
        high=1,
        tree_only=True,
    ),
    "CPU_PROCESSES": Key(
        1,
        "Processes on each machine if NUM_GPUS is 0; they divide the batch as GPUs do.",
        low=1,
        tree_only=True,
    ),
    "DIST_TIMEOUT": Key(
        30.0,
        "Minutes that a process waits for the others before the run ends with an error. It must "
        "exceed the longest work that one process does alone.",
        low=0,
        tree_only=True,
    ),
    "SPEED.CHANNELS_LAST": Key(
        True,
        "Store clips and convolutions with channels last, for the fast kernels of CPUs and GPUs. "
        "Results are the same up to rounding. Not used in bf16 on the CPU, whose kernels are not "
        "safe in that layout.",
        tree_only=True,
    ),
    "SPEED.DEPTHWISE": Key(
        True,
        "On a CPU, compute the gradients of depthwise convolutions, as in X3D, in another way than "
        "PyTorch: several times faster, with the same results up to rounding.",
        tree_only=True,
    ),
    "SPEED.KEEP_MEMORY": Key(
        True,
        "On a CPU, keep freed memory for the next tensors instead of returning it to the system, "
        "which takes time. The process may use up to two thirds more memory. Only on Linux with "
        "glibc.",
        tree_only=True,
    ),
    "SPEED.TF32": Key(
        False,
        "Let GPUs from 2020 on round the factors of float32 products to 10 bits of mantissa: "
        "faster, and results change by more than the rounding of float32. By default PyTorch, and "
        "so upstream, does it in convolutions. It has no effect on the CPU.",
        tree_only=True,
    ),
    "SPEED.CUDNN_BENCHMARK": Key(
        True,
        "Let cuDNN measure its kernels on the first clips of each shape and use the fastest. It "
        "has no effect on the CPU.",
        tree_only=True,
    ),
    "SPEED.FUSED_OPTIMIZER": Key(
        True,
        "Update all weights in one kernel, which exists for SGD, Adam and AdamW on CPU and CUDA. "
        "Without it, fp16 waits for the GPU in each step to know whether a gradient overflowed.",
        tree_only=True,
    ),
    "SPEED.COMPILE": Key(
        False,
        "Compile the network with torch.compile: it takes minutes at the start, and steps are "
        "faster. If it is not possible, the log says why and the run continues without it.",
        tree_only=True,
    ),
    "SPEED.BUCKET_VIEW": Key(
        True,
        "Store gradients in the buffers through which processes exchange them, which saves a copy "
        "and memory.",
        tree_only=True,
    ),
    "SPEED.STATIC_GRAPH": Key(
        True,
        "Plan the exchange of gradients once, because every step uses the same layers. Not used "
        "with SOLVER.ACCUMULATE_STEPS, where only the last part exchanges them.",
        tree_only=True,
    ),
    "SPEED.PREFETCH": Key(
        True,
        "Copy the next batch to the GPU while it computes. It has no effect on the CPU.",
        tree_only=True,
    ),
    "RECIPE.GLOBAL_BATCH": Key(
        0,
        "Clips per step of the published recipe, over all GPUs. The log warns if the run has "
        "another number; nothing is rescaled. 0: not stated.",
    ),
    "RECIPE.NORM_GROUP": Key(
        0,
        "Clips over which norm layers of the published recipe take statistics; the log warns if "
        "the run has another number. 0: not stated.",
    ),
    "RECIPE.BASE_LR": Key(
        0.0,
        "Learning rate of the published recipe; the log warns if the run has another. 0: not "
        "stated.",
    ),
    "RECIPE.INIT": Key(
        "",
        "Initial weights of the recipe: scratch, or kinetics (weights trained on Kinetics). Empty: "
        "not stated.",
        choices=("", "scratch", "kinetics"),
    ),
    "TEST.REPORT": Key(
        True,
        "Whether a multi-label test writes OUTPUT_DIR/report/index.html, a page on the run: "
        "figures, curves, classes, and clips with errors.",
        tree_only=True,
    ),
}


def label_smoothing_key(cfg: CfgNode) -> str:
    """The key with the share by which targets are smoothed."""
    return "MIXUP.LABEL_SMOOTH_VALUE" if cfg.MIXUP.ENABLE else "LOSS.LABEL_SMOOTHING"


def add_key(cfg: CfgNode, name: str, default: Any) -> None:
    """Adds a dotted key, with a copy of its default, and the groups that it needs."""
    *groups, leaf = name.split(".")
    for group in groups:
        if group not in cfg:
            cfg[group] = CfgNode()
        cfg = cfg[group]
    cfg[leaf] = copy.deepcopy(default)


def add_ak_config(_C: CfgNode) -> None:
    """Adds the keys to a configuration that has none of them."""
    for name, key in KEYS.items():
        add_key(_C, name, key.default)
