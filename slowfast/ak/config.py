"""The configuration keys that come with Animal Kingdom, for this tree and for any other SlowFast.

Notable: it needs nothing but fvcore, and of the tree around it nothing at all. ``KEYS`` is the
whole of it: a default, what the key does, and, where only some will do, the values it takes. Keys
of LOSS.<NAME> are the arguments of the loss of that name, which has the same defaults.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from fvcore.common.config import CfgNode


class AkKey(NamedTuple):
    """Default and comment of a key; the values it takes, where they are counted; the limits of a
    number, or of each in a list, themselves allowed. tree_only: served by this tree and not by
    another SlowFast with slowfast.ak in it, which does not get the key."""

    default: Any
    comment: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    tree_only: bool = False

    @property
    def help(self) -> str:
        """The comment, and whether the key is this tree's alone."""
        return self.comment + " In this tree alone." * self.tree_only


KEYS: dict[str, AkKey] = {
    "AK.FRAMES": AkKey(
        "auto",
        "Where frames come from: image reads the extracted JPEGs, video decodes the mp4 files, "
        "auto takes images where their folder exists and videos else.",
        ("auto", "image", "video"),
    ),
    "AK.VIDEO_PREFIX": AkKey(
        "", "Folder of the mp4 files; empty: `video` beside the folder DATA.PATH_PREFIX."
    ),
    "AK.CLASSES": AkKey(
        "",
        "Table (xlsx or csv) of class names and of head, middle and tail; empty: df_action.xlsx or "
        "df_action_count.xlsx in DATA.PATH_TO_DATA_DIR, where there is one.",
    ),
    "AK.HOLDOUT": AkKey(
        "",
        "Text file of training clips (tools/make_holdout.py makes one) that are not trained on: "
        "evaluations during training are made on them, and val.csv is left to the test. Empty: "
        "val.csv serves for both.",
    ),
    "AK.HEAD_MIN": AkKey(
        500,
        "Training clips from which on a class belongs to the head, where no table says so.",
    ),
    "AK.TAIL_MAX": AkKey(
        100, "Training clips up to which a class belongs to the tail, where no table says so."
    ),
    "DATA.SAMPLING": AkKey(
        "dense",
        "Which frames are seen. dense: a window of NUM_FRAMES frames, SAMPLING_RATE apart; a "
        "test's windows are spread from the clip's start to its end. uniform: the clip in "
        "NUM_FRAMES equal parts, one frame of each: at random in training, the centre else, and in "
        "view v of V the frame at (v + 1/2) / V of each part; SAMPLING_RATE is not read.",
        ("dense", "uniform"),
    ),
    "DATA.DECODING_DEVICE": AkKey(
        "cpu",
        "Where DATA.DECODING_BACKEND torchcodec decodes: cpu, or cuda, the GPU's own decoder "
        "(NVDEC); each worker then takes some GPU memory for itself.",
        ("cpu", "cuda"),
    ),
    "LOSS.CLASS_COUNTS": AkKey(
        "",
        "Sheet (xlsx or csv, columns action, index, count) with the number of clips of each class, "
        "for the losses that go by it; empty: clips are counted in the training list.",
    ),
    "LOSS.FOCAL_LOSS.ALPHA": AkKey(1.0, "Factor of the whole loss.", low=0),
    "LOSS.FOCAL_LOSS.GAMMA": AkKey(
        0.0, "How fast easy elements fade. 0, as released, is bce_loss; 2 is usual.", low=0
    ),
    "LOSS.LDAM.MAX_M": AkKey(0.5, "Margin of the rarest class.", low=0),
    "LOSS.LDAM.S": AkKey(
        30.0, "Factor of the logits, inside the loss alone: calibrated scores are sigmoid(S x)."
    ),
    "LOSS.LDAM.STEP_EPOCH": AkKey(
        [80],
        "Epochs, counted from 0, from which on classes are re-weighted (DRW), a stage each; before "
        "the first all weigh the same, the last stage stays. Empty: never.",
        low=0,
    ),
    "LOSS.LDAM.BETA": AkKey(
        [0.9999],
        "For each stage, the beta of the weights (1 - beta) / (1 - beta^clips); 0: all the same.",
        low=0,
    ),
    "LOSS.EQL.MAX_TAIL_NUM": AkKey(100, "Training clips up to which a class is of the tail."),
    "LOSS.EQL.GAMMA": AkKey(
        1.76e-3, "Share of the tail's negative elements that a step ignores.", low=0, high=1
    ),
    "LOSS.CLASS_BALANCED_BCE.BETA": AkKey(
        0.9999, "Of the weights (1 - beta) / (1 - beta^clips); 0: all the same.", low=0
    ),
    "LOSS.CLASS_BALANCED_FOCAL.BETA": AkKey(0.9999, "The same for class_balanced_focal.", low=0),
    "LOSS.CLASS_BALANCED_FOCAL.GAMMA": AkKey(2.0, "How fast easy elements fade.", low=0),
    "LOSS.ASYMMETRIC_LOSS.GAMMA_POS": AkKey(0.0, "How fast easy positives fade.", low=0),
    "LOSS.ASYMMETRIC_LOSS.GAMMA_NEG": AkKey(4.0, "How fast easy negatives fade.", low=0),
    "LOSS.ASYMMETRIC_LOSS.CLIP": AkKey(
        0.05, "Probability below which a negative counts nothing.", low=0
    ),
    "LOSS.DISTRIBUTION_BALANCED.ALPHA": AkKey(0.1, "Least weight of an element.", low=0),
    "LOSS.DISTRIBUTION_BALANCED.BETA": AkKey(
        10.0, "Steepness of the weight over a class's share r of its clip's rarity.", low=0
    ),
    "LOSS.DISTRIBUTION_BALANCED.MU": AkKey(0.2, "Share r at which the weight is half way up."),
    "LOSS.DISTRIBUTION_BALANCED.GAMMA": AkKey(2.0, "How fast easy elements fade; 0: not.", low=0),
    "LOSS.DISTRIBUTION_BALANCED.NEG_SCALE": AkKey(
        2.0, "Factor of negative logits, by which their loss is divided (the paper's lambda)."
    ),
    "LOSS.DISTRIBUTION_BALANCED.KAPPA": AkKey(
        0.05, "How much of a class's prior log-odds is added to its logits.", low=0
    ),
    "LOSS.LOGIT_ADJUSTED_BCE.TAU": AkKey(
        1.0, "How much of a class's prior log-odds is added to its logits in training.", low=0
    ),
    "DATA.MAX_BAD_FRACTION": AkKey(
        0.01,
        "Share of the training clips that may be missing or not decode, and of the validation "
        "clips that may be missing: other clips take their place in training, evaluations leave "
        "them out. With more of them the run stops. One clip always may, unless this is 0. A test "
        "is never stopped by it: it names what it leaves out.",
        low=0,
        high=1,
    ),
    "DATA.READ_TIMEOUT": AkKey(
        300.0,
        "Seconds in which a clip has to be read; after them it counts as one that does not decode, "
        "so that a file server that hangs does not hold a run for ever. 0: no limit.",
        low=0,
    ),
    "DATA_LOADER.SAMPLER": AkKey(
        "shuffle",
        "How often an epoch of training draws each clip. shuffle: once. class_balanced: as if a "
        "class were drawn at random, then one of its clips. square_root: likewise, classes by the "
        "root of their number of clips. repeat_factor: clips of rare classes several times, all "
        "others once.",
        ("shuffle", "class_balanced", "square_root", "repeat_factor"),
    ),
    "DATA_LOADER.REPEAT_THRESHOLD": AkKey(
        0.01,
        "Share of the training clips below which repeat_factor draws a class's clips more than "
        "once, sqrt(threshold / share) times. 0.01 of Animal Kingdom are 240 clips: that is the "
        "tail and a part of the middle.",
    ),
    "LOSS.LABEL_SMOOTHING": AkKey(
        0.0,
        "Share e of a target that is spread over all C classes in training: y (1 - e) + e / C, for "
        "one label a clip and for many. With MIXUP.ENABLE it is MIXUP.LABEL_SMOOTH_VALUE.",
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_SKIP_HEAD": AkKey(
        False,
        "Take all of TRAIN.CHECKPOINT_FILE_PATH but the head's projection, which starts anew, and "
        "count epochs from the first.",
    ),
    "TRAIN.MIXED_PRECISION_TYPE": AkKey(
        "fp16",
        "Half precision of TRAIN.MIXED_PRECISION: fp16 with loss scaling, or bf16, which needs "
        "none but a GPU of 2020 or later (or a CPU).",
        ("fp16", "bf16"),
        tree_only=True,
    ),
    "TRAIN.KEEP_BEST": AkKey(
        True,
        "Keep the weights of the evaluation with the highest mAP (one label a clip: the lowest "
        "top-1 error) as checkpoints/best.pyth.",
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_KEEP": AkKey(
        0,
        "Checkpoints of finished epochs that are kept, the newest; 0: all. The weights of the best "
        "evaluation (TRAIN.KEEP_BEST) are a file of their own, which always stays.",
        low=0,
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_MINUTES": AkKey(
        15.0,
        "Minutes between two files that save an unfinished epoch, so that a crash costs no more "
        "than these; 0: none by time.",
        low=0,
        tree_only=True,
    ),
    "TRAIN.CHECKPOINT_ITERATIONS": AkKey(
        0,
        "Iterations between two such files; 0: none by their number.",
        low=0,
        tree_only=True,
    ),
    "TEST.WEIGHTS": AkKey(
        "last",
        "Which checkpoint of OUTPUT_DIR is tested: last, or best, which is chosen on AK.HOLDOUT; "
        "without one it is chosen on the test set itself, and its figures are optimistic.",
        ("last", "best"),
        tree_only=True,
    ),
    "TEST.BOOTSTRAP": AkKey(
        1000,
        "Resamples of the test clips from which the 95 % interval of each mAP is taken "
        "(`interval_map` and so on in json_stats and in the results). 0: none.",
        low=0,
        tree_only=True,
    ),
    "TEST.MORE_METRICS": AkKey(
        False,
        "Also measure F1 (macro and micro, at threshold 0.5 and at the best), area under the ROC "
        "curve, coverage and calibration error at a test of many labels.",
        tree_only=True,
    ),
    "SOLVER.ACCUMULATE_STEPS": AkKey(
        1,
        "Parts that a process cuts its clips of a step into, one forward and backward pass each, "
        "their gradients added up: TRAIN.BATCH_SIZE, the learning rate and the schedule stay what "
        "they are, and memory is that of a part. Batch norm sees a part at a time.",
        low=1,
        tree_only=True,
    ),
    "SOLVER.EMA_DECAY": AkKey(
        0.0,
        "Decay, a step, of a running average of the weights, which is what is evaluated and tested "
        "then; 0.999 is usual. 0: none.",
        low=0,
        high=1,
        tree_only=True,
    ),
    "CPU_PROCESSES": AkKey(
        1,
        "Processes on each machine where NUM_GPUS is 0; they share out the batch as GPUs do.",
        low=1,
        tree_only=True,
    ),
    "DIST_TIMEOUT": AkKey(
        30.0,
        "Minutes that a process waits for the others before the run ends with an error that says "
        "so. Longer than the slowest thing that one of them does alone.",
        low=0,
        tree_only=True,
    ),
    "SPEED.CHANNELS_LAST": AkKey(
        True,
        "Lay clips and convolutions out in memory with channels last, as the fast kernels of CPUs "
        "and GPUs want them. The same results to rounding. Not in bf16 on the CPU, whose kernels "
        "are not safe in that layout.",
        tree_only=True,
    ),
    "SPEED.DEPTHWISE": AkKey(
        True,
        "On a CPU compute the gradients of convolutions channel by channel, as X3D has them, in "
        "another way than PyTorch: several times faster, and the same to rounding.",
        tree_only=True,
    ),
    "SPEED.KEEP_MEMORY": AkKey(
        True,
        "Where the CPU computes, keep freed memory for the next tensors instead of giving it back "
        "to the system, which takes time to hand it out anew. The process may take up to two "
        "thirds more. Linux with glibc alone.",
        tree_only=True,
    ),
    "SPEED.TF32": AkKey(
        False,
        "Let GPUs from 2020 on round the factors of float32 products to 10 bits of mantissa: "
        "faster, and results move by more than float32's rounding. PyTorch left to itself, and so "
        "upstream, does it in convolutions. It does nothing on the CPU.",
        tree_only=True,
    ),
    "SPEED.CUDNN_BENCHMARK": AkKey(
        True,
        "Let cuDNN time its kernels on the first clips of each shape and take the fastest. It "
        "does nothing on the CPU.",
        tree_only=True,
    ),
    "SPEED.FUSED_OPTIMIZER": AkKey(
        True,
        "Update all weights in one kernel, as CPUs and CUDA have it for SGD, Adam and AdamW. "
        "Without it fp16 waits for the GPU in each step, to learn whether a gradient overflowed.",
        tree_only=True,
    ),
    "SPEED.COMPILE": AkKey(
        False,
        "Compile the network with torch.compile: minutes at the start, for faster steps after. "
        "Where it cannot be had, the log says why and the run goes on without.",
        tree_only=True,
    ),
    "SPEED.BUCKET_VIEW": AkKey(
        True,
        "Let gradients lie in the buffers through which processes exchange them, which saves a "
        "copy and their memory.",
        tree_only=True,
    ),
    "SPEED.STATIC_GRAPH": AkKey(
        True,
        "Rely on every step using the same layers, so that the exchange of gradients is planned "
        "once. Not with SOLVER.ACCUMULATE_STEPS, of whose parts the last alone exchanges them.",
        tree_only=True,
    ),
    "SPEED.PREFETCH": AkKey(
        True,
        "Copy the next batch to the GPU while it computes. It does nothing on the CPU.",
        tree_only=True,
    ),
    "RECIPE.GLOBAL_BATCH": AkKey(
        0,
        "Clips in a step of the published recipe, over all GPUs. The log warns where the run has "
        "another number; nothing is rescaled. 0: not stated.",
    ),
    "RECIPE.NORM_GROUP": AkKey(
        0,
        "Clips that the published recipe's norm layers average over; warned about likewise. 0: "
        "not stated.",
    ),
    "RECIPE.BASE_LR": AkKey(
        0.0, "Learning rate of the published recipe; warned about likewise. 0: not stated."
    ),
    "RECIPE.INIT": AkKey(
        "",
        "Where the recipe's weights start: scratch, or kinetics (weights trained on Kinetics). "
        "Empty: not stated.",
        ("", "scratch", "kinetics"),
    ),
    "TEST.REPORT": AkKey(
        True,
        "Whether a multi-label test ends with OUTPUT_DIR/report/index.html, a page that shows the "
        "run: figures, curves, classes, and clips that it fails on.",
        tree_only=True,
    ),
}


def add_key(cfg: CfgNode, name: str, default: Any) -> None:
    """Add a dotted key to a configuration, with a copy of its default, in groups made as needed."""
    *groups, leaf = name.split(".")
    for group in groups:
        if group not in cfg:
            cfg[group] = CfgNode()
        cfg = cfg[group]
    cfg[leaf] = copy.deepcopy(default)


def add_ak_config(_C: CfgNode) -> None:
    """Add the keys to a configuration that has none of them."""
    for name, key in KEYS.items():
        add_key(_C, name, key.default)
