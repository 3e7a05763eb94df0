"""Settings that contradict each other.

Notable: one function a topic, each a generator of findings ``(key, words)``. They may rely on
every key being possible for itself, which ``checks`` makes sure of. What is said of training
holds only where there is some: a recipe that cannot be trained may still serve for a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.clips.augmentation_policy import parse_policy
from slowfast.ak.errors import UserError
from slowfast.ak.norms.group import sync_group
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.run.cores import processes_of_machine
from slowfast.checkpoints.names import resumable
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.provenance import get, show
from slowfast.config.schema import numbers_in

Finding = tuple[str, str]

# MODEL.ARCH by MODEL.MODEL_NAME. That the networks build these and no others is held by
# tests/config/test_combinations.py, since nothing of the networks is imported here.
ARCHS = {
    "ResNet": ("2d", "c2d", "c2d_nopool", "i3d", "i3d_nopool", "slow"),
    "SlowFast": ("slowfast",),
    "X3D": ("x3d",),
}
_MANY_LABELS = (
    "bce_loss",
    "bce_logit",
    "mse",
    "focal_loss",
    "LDAM",
    "EQL",
    "class_balanced_bce",
    "class_balanced_focal",
    "asymmetric_loss",
    "distribution_balanced",
    "logit_adjusted_bce",
)
_ONE_LABEL = ("cross_entropy",)
_ABOVE_ZERO = ("LOSS.LDAM.S", "LOSS.DISTRIBUTION_BALANCED.NEG_SCALE")
_BELOW_ONE = (
    "LOSS.LDAM.BETA",
    "LOSS.CLASS_BALANCED_BCE.BETA",
    "LOSS.CLASS_BALANCED_FOCAL.BETA",
    "LOSS.ASYMMETRIC_LOSS.CLIP",
)


# For each of four stages, one value a pathway: a number, or a list that is as deep as said here.
_STAGE_KEYS = {
    "RESNET.NUM_BLOCK_TEMP_KERNEL": 0,
    "RESNET.SPATIAL_STRIDES": 0,
    "RESNET.SPATIAL_DILATIONS": 0,
    "NONLOCAL.LOCATION": 1,
    "NONLOCAL.GROUP": 0,
    "NONLOCAL.POOL": 1,
}


def num_pathways(cfg: CfgNode) -> int:
    """Tensors that the network takes: 2 for an architecture of MODEL.MULTI_PATHWAY_ARCH."""
    return 2 if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH else 1


def phases(cfg: CfgNode) -> list[str]:
    """Of TRAIN and TEST those that are switched on."""
    return [phase for phase in ("TRAIN", "TEST") if cfg[phase].ENABLE]


def draws(cfg: CfgNode) -> bool:
    """Whether TENSORBOARD asks for pictures of a trained network, or of saved results."""
    board = cfg.TENSORBOARD
    wanted = board.MODEL_VIS.ENABLE or board.WRONG_PRED_VIS.ENABLE or bool(board.PREDICTIONS_PATH)
    return board.ENABLE and wanted


def shown(cfg: CfgNode, key: str) -> str:
    """Another key and its value, for the words of a finding."""
    return f"{key} {show(get(cfg, key))}"


def _run(cfg: CfgNode) -> Iterator[Finding]:
    if not (phases(cfg) or draws(cfg)):
        yield "TRAIN.ENABLE", "and TEST.ENABLE is False too: nothing is left to do; switch one on"
    if cfg.SHARD_ID >= cfg.NUM_SHARDS:
        yield "SHARD_ID", f"{shown(cfg, 'NUM_SHARDS')} are numbered 0 to {cfg.NUM_SHARDS - 1}"
    if cfg.TRAIN.ENABLE and cfg.SPEED.COMPILE and cfg.MODEL.ACT_CHECKPOINT:
        yield (
            "SPEED.COMPILE",
            f"cannot compile the layers that {shown(cfg, 'MODEL.ACT_CHECKPOINT')} computes twice; "
            "set one of the two False",
        )
    if cfg.DIST_TIMEOUT <= 0:
        yield "DIST_TIMEOUT", "minutes; expected a number above 0"
    processes, key = processes_of_machine(cfg), "NUM_GPUS" if cfg.NUM_GPUS else "CPU_PROCESSES"
    for phase in phases(cfg):
        size, parts, among = cfg[phase].BATCH_SIZE, processes, shown(cfg, key)
        if phase == "TRAIN" and cfg.SOLVER.ACCUMULATE_STEPS > 1:
            parts *= cfg.SOLVER.ACCUMULATE_STEPS
            among += f" and {shown(cfg, 'SOLVER.ACCUMULATE_STEPS')}"
        if size % parts:
            below, above = size // parts * parts, (size // parts + 1) * parts
            nearest = f"{below} or {above}" if below else str(above)
            yield (
                f"{phase}.BATCH_SIZE",
                f"cannot be shared out evenly among {among}; take {nearest}",
            )


def clips_of_pass(cfg: CfgNode) -> int:
    """Clips that pass the network together in training, on one process."""
    return cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg) // cfg.SOLVER.ACCUMULATE_STEPS


def _norm(cfg: CfgNode) -> Iterator[Finding]:
    if not cfg.TRAIN.ENABLE:
        return
    processes = processes_of_machine(cfg) * cfg.NUM_SHARDS
    group = sync_group(cfg, processes)
    if processes % group:
        yield (
            "BN.NUM_SYNC_DEVICES",
            f"the run's {processes} processes cannot be cut into groups of {group}; take a divisor",
        )
    if cfg.BN.NORM_TYPE == "sub_batchnorm" and clips_of_pass(cfg) % cfg.BN.NUM_SPLITS:
        yield (
            "BN.NUM_SPLITS",
            f"does not divide a process's {clips_of_pass(cfg)} clips "
            f"({shown(cfg, 'TRAIN.BATCH_SIZE')}); take a divisor",
        )
    if (
        cfg.MODEL.FROZEN_BN
        and cfg.RESNET.ZERO_INIT_FINAL_BN
        and not cfg.TRAIN.CHECKPOINT_FILE_PATH
        and not resumes(cfg)
    ):
        yield (
            "MODEL.FROZEN_BN",
            f"freezes the norms that {shown(cfg, 'RESNET.ZERO_INIT_FINAL_BN')} starts at zero, so "
            "that no residual branch would ever count; give the weights to fine-tune as "
            "TRAIN.CHECKPOINT_FILE_PATH, or set one of the two False",
        )


def resumes(cfg: CfgNode) -> bool:
    """Whether training takes up the state of a run in OUTPUT_DIR."""
    try:
        return cfg.TRAIN.AUTO_RESUME and bool(resumable(cfg.OUTPUT_DIR, cfg.TASK))
    except (OSError, ValueError):  # no folder can have this name
        return False


def _network(cfg: CfgNode) -> Iterator[Finding]:
    name, arch = cfg.MODEL.MODEL_NAME, cfg.MODEL.ARCH
    if name in ARCHS and arch not in ARCHS[name]:
        owner = next((n for n, archs in ARCHS.items() if arch in archs), None)
        hint = f", or MODEL.MODEL_NAME {owner}" if owner else ""
        yield "MODEL.ARCH", f"MODEL.MODEL_NAME {name} takes {' or '.join(ARCHS[name])}{hint}"
    alpha = cfg.SLOWFAST.ALPHA
    if num_pathways(cfg) == 2 and cfg.DATA.NUM_FRAMES % alpha:
        near = max(1, round(cfg.DATA.NUM_FRAMES / alpha)) * alpha
        yield (
            "DATA.NUM_FRAMES",
            f"not divisible by {shown(cfg, 'SLOWFAST.ALPHA')}, by which the slow pathway thins "
            f"the frames; take {near}, or another ALPHA",
        )
    if name == "SlowFast":
        yield from _fusion(cfg)
    for factor in ("X3D.WIDTH_FACTOR", "X3D.DEPTH_FACTOR", "X3D.BOTTLENECK_FACTOR"):
        if get(cfg, factor) <= 0:
            yield factor, "expected a number above 0"
    if name == "ResNet" and arch in ("c2d", "i3d") and cfg.DATA.NUM_FRAMES < 2:
        yield "DATA.NUM_FRAMES", f"MODEL.ARCH {arch} pools 2 frames into one; expected at least 2"


def _fusion(cfg: CfgNode) -> Iterator[Finding]:
    kernel = cfg.SLOWFAST.FUSION_KERNEL_SZ
    if kernel % 2 == 0:
        words = "an even kernel changes the number of frames, and the pathways no longer fit"
        yield "SLOWFAST.FUSION_KERNEL_SZ", f"{words}; take {kernel - 1} or {kernel + 1}"
    if cfg.SLOWFAST.BETA_INV > cfg.RESNET.WIDTH_PER_GROUP:
        yield (
            "SLOWFAST.BETA_INV",
            f"leaves the fast pathway no channel of {shown(cfg, 'RESNET.WIDTH_PER_GROUP')}; take "
            "at most that",
        )


def _stages(cfg: CfgNode) -> Iterator[Finding]:
    """Lists of stages that do not hold one value for each pathway."""
    pathways = num_pathways(cfg)
    for name, depth in _STAGE_KEYS.items():
        stages, default = get(cfg, name), UPSTREAM_KEYS[name].default
        if not _has_depth(stages, depth + 2):
            yield name, f"expected for each stage a list of one value a pathway, such as {default}"
            continue
        for values in stages:
            # One value, repeated or not, serves any number of pathways.
            if not values or (len(values) != pathways and any(v != values[0] for v in values)):
                yield (
                    name,
                    f"{len(values)} values in {values}; expected one for each of the {pathways} "
                    f"pathways of MODEL.ARCH {cfg.MODEL.ARCH}",
                )
                break
        else:
            if name == "NONLOCAL.POOL" and any(len(v) != 3 for values in stages for v in values):
                yield name, "expected three numbers a pathway: time, height, width"


def _has_depth(value: Any, depth: int) -> bool:
    """Whether all of a value is nested so deep; an empty list is as deep as asked for."""
    if depth == 0:
        return not isinstance(value, (list, tuple))
    return isinstance(value, (list, tuple)) and all(_has_depth(v, depth - 1) for v in value)


def _pixels(cfg: CfgNode) -> Iterator[Finding]:
    if set(cfg.DATA.INPUT_CHANNEL_NUM) != {3}:
        yield "DATA.INPUT_CHANNEL_NUM", "frames have 3 channels; expected 3 for each pathway"
    if any(deviation <= 0 for deviation in cfg.DATA.STD):
        yield "DATA.STD", "pixels are divided by it; expected numbers above 0"
    if not cfg.TRAIN.ENABLE:
        return
    low, high = cfg.DATA.TRAIN_JITTER_SCALES
    crop = cfg.DATA.TRAIN_CROP_SIZE
    if low > high:
        yield "DATA.TRAIN_JITTER_SCALES", "expected the smallest scale first"
    elif crop > low:
        yield (
            "DATA.TRAIN_CROP_SIZE",
            f"larger than {low}, the smallest of {shown(cfg, 'DATA.TRAIN_JITTER_SCALES')}; crop at "
            f"most {low} pixels, or scale to at least {crop}",
        )
    if problems := facts_for(cfg).problems:
        yield from problems(cfg)


def _labels(cfg: CfgNode) -> Iterator[Finding]:
    loss, many = cfg.MODEL.LOSS_FUNC, cfg.DATA.MULTI_LABEL
    if many and cfg.MODEL.HEAD_ACT == "softmax":
        yield (
            "MODEL.HEAD_ACT",
            f"lets classes exclude each other, and {shown(cfg, 'DATA.MULTI_LABEL')} has clips of "
            "several; take sigmoid",
        )
    if cfg.TRAIN.ENABLE and many and loss in _ONE_LABEL:
        yield (
            "MODEL.LOSS_FUNC",
            f"is for one class a clip, and {shown(cfg, 'DATA.MULTI_LABEL')}; take bce_loss",
        )
    if cfg.TRAIN.ENABLE and not many and loss in _MANY_LABELS:
        yield (
            "MODEL.LOSS_FUNC",
            f"is for several classes a clip, and {shown(cfg, 'DATA.MULTI_LABEL')}; take "
            "cross_entropy, or set DATA.MULTI_LABEL True",
        )


def _loss(cfg: CfgNode) -> Iterator[Finding]:
    for key in _ABOVE_ZERO:
        if get(cfg, key) <= 0:
            yield key, "expected a number above 0"
    for key in _BELOW_ONE:
        if any(number >= 1 for number in numbers_in(get(cfg, key))):
            yield key, "expected less than 1"
    steps, betas = cfg.LOSS.LDAM.STEP_EPOCH, cfg.LOSS.LDAM.BETA
    if any(a >= b for a, b in pairwise(steps)):
        yield "LOSS.LDAM.STEP_EPOCH", "expected every later epoch larger, such as [80, 160]"
    if len(steps) != len(betas):
        yield (
            "LOSS.LDAM.BETA",
            f"{len(betas)} for the {len(steps)} stages of {shown(cfg, 'LOSS.LDAM.STEP_EPOCH')}; "
            "expected one for each",
        )


def _schedule(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if not cfg.TRAIN.ENABLE:
        return
    if solver.MAX_EPOCH < 1:
        yield (
            "SOLVER.MAX_EPOCH",
            "no epoch to train; expected at least 1 (to test alone set TRAIN.ENABLE False)",
        )
    if solver.LR_POLICY == "steps_with_relative_lrs":
        yield from _steps(cfg)
    else:
        if solver.COSINE_END_LR >= solver.BASE_LR > 0:
            words = f"not below {shown(cfg, 'SOLVER.BASE_LR')}, from which the cosine falls to it"
            yield "SOLVER.COSINE_END_LR", words
        if solver.COSINE_AFTER_WARMUP and solver.WARMUP_EPOCHS >= solver.MAX_EPOCH:
            yield (
                "SOLVER.WARMUP_EPOCHS",
                f"nothing of {shown(cfg, 'SOLVER.MAX_EPOCH')} is left for the cosine that "
                "SOLVER.COSINE_AFTER_WARMUP starts there; warm up for less, or train for longer",
            )


def _steps(cfg: CfgNode) -> Iterator[Finding]:
    steps, rates = cfg.SOLVER.STEPS, cfg.SOLVER.LRS
    if not steps:
        yield "SOLVER.STEPS", "steps_with_relative_lrs needs epochs, such as [0, 41, 49]"
        return
    if steps[0] != 0 or any(a >= b for a, b in pairwise(steps)):
        yield "SOLVER.STEPS", "expected 0 first and every later epoch larger, such as [0, 41, 49]"
    if len(rates) < len(steps):
        yield (
            "SOLVER.LRS",
            f"{len(rates)} rates for the {len(steps)} epochs of {shown(cfg, 'SOLVER.STEPS')}; "
            "expected one for each",
        )


def _optimizer(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if not cfg.TRAIN.ENABLE:
        return
    if 1.0 in solver.BETAS:
        yield "SOLVER.BETAS", "expected two numbers below 1"
    sgd = solver.OPTIMIZING_METHOD == "sgd"
    if sgd and solver.NESTEROV and (solver.MOMENTUM == 0 or solver.DAMPENING != 0):
        yield (
            "SOLVER.NESTEROV",
            f"needs momentum and no dampening, and has {shown(cfg, 'SOLVER.MOMENTUM')}, "
            f"{shown(cfg, 'SOLVER.DAMPENING')}",
        )
    if solver.CLIP_GRAD_VAL and solver.CLIP_GRAD_L2NORM:
        yield (
            "SOLVER.CLIP_GRAD_VAL",
            f"and {shown(cfg, 'SOLVER.CLIP_GRAD_L2NORM')}: gradients are clipped in one way; "
            "set the other to None",
        )


def _views(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TEST.NUM_ENSEMBLE_VIEWS == 0:
        yield "TEST.NUM_ENSEMBLE_VIEWS", "expected 1 or more, or -1 for 1, 3, 5, 7 and 10"


def _weights(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TEST.WEIGHTS != "best" or not cfg.TEST.ENABLE:
        return
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        words = f"and {shown(cfg, 'TEST.CHECKPOINT_FILE_PATH')}: one of them names what is tested"
        yield "TEST.WEIGHTS", f"{words}; take TEST.WEIGHTS last, or leave the path empty"
    elif cfg.TRAIN.ENABLE and not cfg.TRAIN.KEEP_BEST:
        yield "TEST.WEIGHTS", f"and {shown(cfg, 'TRAIN.KEEP_BEST')}; set that True, or take last"


def _results(cfg: CfgNode) -> Iterator[Finding]:
    path = cfg.TEST.SAVE_RESULTS_PATH
    if not path or not cfg.TEST.ENABLE:
        return
    if path.endswith("/") or PurePath(path).name in ("", ".."):
        yield "TEST.SAVE_RESULTS_PATH", "names a folder; expected a file, such as results.pkl"
    elif PurePath(path).suffix.lower() in (".csv", ".json"):
        yield (
            "TEST.SAVE_RESULTS_PATH",
            "names the pickle, beside which a .csv and a .json of the same name are written; "
            f"take {PurePath(path).with_suffix('.pkl')}",
        )


def _decoding(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.DATA.DECODING_DEVICE == "cuda" and cfg.DATA.DECODING_BACKEND != "torchcodec":
        yield (
            "DATA.DECODING_DEVICE",
            f"torchcodec alone decodes on a GPU: set DATA.DECODING_BACKEND to it (it is "
            f"{cfg.DATA.DECODING_BACKEND}), or take cpu",
        )


def _sampling(cfg: CfgNode) -> Iterator[Finding]:
    if not 0 < cfg.DATA_LOADER.REPEAT_THRESHOLD <= 1:
        yield "DATA_LOADER.REPEAT_THRESHOLD", "a share of the clips; expected 0 to 1, without 0"


def smoothing_key(cfg: CfgNode) -> str:
    """The key that says how much targets are smoothed."""
    return "MIXUP.LABEL_SMOOTH_VALUE" if cfg.MIXUP.ENABLE else "LOSS.LABEL_SMOOTHING"


def _targets(cfg: CfgNode) -> Iterator[Finding]:
    mixup, clips = cfg.MIXUP, cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg)
    smoothing = smoothing_key(cfg)
    for key in ("LOSS.LABEL_SMOOTHING", "MIXUP.LABEL_SMOOTH_VALUE"):
        if not 0 <= get(cfg, key) < 1:
            yield key, "a share of the target; expected 0 to 1, without 1"
    if cfg.TRAIN.ENABLE and cfg.MODEL.LOSS_FUNC == "distribution_balanced" and get(cfg, smoothing):
        yield (
            smoothing,
            f"spreads labels over all classes, and {shown(cfg, 'MODEL.LOSS_FUNC')} would weigh a "
            "clip by classes that it does not show; set it to 0",
        )
    if not (cfg.TRAIN.ENABLE and mixup.ENABLE):
        return
    if clips == 1:
        yield (
            "MIXUP.ENABLE",
            f"mixes the clips of a process, and {shown(cfg, 'TRAIN.BATCH_SIZE')} leaves each of "
            "them 1; give each 2 or more",
        )
    if mixup.ALPHA == mixup.CUTMIX_ALPHA == 0:
        yield "MIXUP.ALPHA", f"and {shown(cfg, 'MIXUP.CUTMIX_ALPHA')} mix nothing; raise one"
    if cfg.LOSS.LABEL_SMOOTHING:
        yield (
            "LOSS.LABEL_SMOOTHING",
            f"is {shown(cfg, 'MIXUP.LABEL_SMOOTH_VALUE')} where MIXUP.ENABLE is True; leave it at "
            "0 and set that one",
        )


def _augmentation(cfg: CfgNode) -> Iterator[Finding]:
    if not (cfg.TRAIN.ENABLE and cfg.AUG.ENABLE):
        return
    if cfg.AUG.AA_TYPE:
        try:
            parse_policy(cfg.AUG.AA_TYPE)
        except UserError as error:
            yield "AUG.AA_TYPE", str(error)
    elif not cfg.AUG.COLOR_JITTER and not cfg.AUG.RE_PROB:
        words = f"and neither AUG.AA_TYPE nor {shown(cfg, 'AUG.COLOR_JITTER')} nor "
        yield "AUG.ENABLE", f"{words}{shown(cfg, 'AUG.RE_PROB')} changes a clip; set one"


def _segments(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.AK.HEAD_MIN <= cfg.AK.TAIL_MAX:
        yield "AK.HEAD_MIN", f"expected more than {shown(cfg, 'AK.TAIL_MAX')}"


CONTRADICTIONS = (
    _run,
    _norm,
    _network,
    _stages,
    _pixels,
    _labels,
    _loss,
    _schedule,
    _optimizer,
    _views,
    _weights,
    _results,
    _decoding,
    _sampling,
    _targets,
    _augmentation,
    _segments,
)
