"""Checks of training: schedule, optimizer, loss and targets, norms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fvcore.common.config import CfgNode

from slowfast.ak.config import label_smoothing_key
from slowfast.ak.keys import Finding
from slowfast.ak.norms.group import norm_group, sync_group
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.networks import NETWORKS, feature_shape
from slowfast.ak.run.cores import processes_of_machine
from slowfast.config.checks import problem, warning
from slowfast.config.derived import clips_per_pass, process_count
from slowfast.config.dotted import get, key_and_value
from slowfast.config.readers import can_be_read


@problem
def _schedule(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if not cfg.TRAIN.ENABLE:
        return
    if solver.MAX_EPOCH < 1:
        yield "SOLVER.MAX_EPOCH", "expected at least 1 epoch (to test only, set TRAIN.ENABLE False)"
    if solver.LR_POLICY == "steps_with_relative_lrs":
        yield from _steps(cfg)
        return
    if solver.COSINE_END_LR >= solver.BASE_LR > 0:
        words = (
            f"expected less than {key_and_value(cfg, 'SOLVER.BASE_LR')}, where the cosine starts"
        )
        yield "SOLVER.COSINE_END_LR", words
    if solver.COSINE_AFTER_WARMUP and solver.WARMUP_EPOCHS >= solver.MAX_EPOCH:
        yield (
            "SOLVER.WARMUP_EPOCHS",
            f"leaves no epoch of {key_and_value(cfg, 'SOLVER.MAX_EPOCH')} for the cosine, which "
            "SOLVER.COSINE_AFTER_WARMUP starts after the warm-up; use a shorter warm-up, or train "
            "for longer",
        )


def _steps(cfg: CfgNode) -> Iterator[Finding]:
    steps, rates = cfg.SOLVER.STEPS, cfg.SOLVER.LRS
    if not steps:
        yield "SOLVER.STEPS", "steps_with_relative_lrs needs epochs, such as [0, 41, 49]"
        return
    if steps[0] != 0 or any(a >= b for a, b in pairwise(steps)):
        yield "SOLVER.STEPS", "expected 0 first and every later epoch larger, such as [0, 41, 49]"
    reached = [step for step in steps if step < cfg.SOLVER.MAX_EPOCH]
    if len(rates) < len(reached):
        yield (
            "SOLVER.LRS",
            f"found {len(rates)} rates for the {len(reached)} epochs of "
            f"{key_and_value(cfg, 'SOLVER.STEPS')}; expected one for each",
        )


@problem
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
            "needs a momentum above 0 and a dampening of 0, found "
            f"{key_and_value(cfg, 'SOLVER.MOMENTUM')}, {key_and_value(cfg, 'SOLVER.DAMPENING')}",
        )
    if solver.CLIP_GRAD_VAL and solver.CLIP_GRAD_L2NORM:
        words = f"{key_and_value(cfg, 'SOLVER.CLIP_GRAD_L2NORM')} clips gradients in another way"
        yield "SOLVER.CLIP_GRAD_VAL", f"{words}; set one of the two to None"


@problem
def _stop_on_a_growing_loss(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and 0 < cfg.TRAIN.KILL_LOSS_EXPLOSION_FACTOR <= 1:
        yield (
            "TRAIN.KILL_LOSS_EXPLOSION_FACTOR",
            "would stop a run whose loss does not grow; expected a number above 1, such as 2.0, or "
            "0 to stop none",
        )


@problem
def _labels(cfg: CfgNode) -> Iterator[Finding]:
    many = cfg.DATA.MULTI_LABEL
    if many and cfg.MODEL.HEAD_ACT == "softmax":
        yield (
            "MODEL.HEAD_ACT",
            f"softmax allows one class a clip, and {key_and_value(cfg, 'DATA.MULTI_LABEL')}; take "
            "sigmoid",
        )
    if not cfg.TRAIN.ENABLE:
        return
    labels = LOSSES.facts(cfg.MODEL.LOSS_FUNC).labels
    if many and labels == "one":
        words = f"is for one class a clip, and {key_and_value(cfg, 'DATA.MULTI_LABEL')}"
        yield "MODEL.LOSS_FUNC", f"{words}; take bce_loss"
    if not many and labels == "many":
        yield (
            "MODEL.LOSS_FUNC",
            f"is for several classes a clip, and {key_and_value(cfg, 'DATA.MULTI_LABEL')}; take "
            "cross_entropy, or set DATA.MULTI_LABEL True",
        )


@problem
def _targets(cfg: CfgNode) -> Iterator[Finding]:
    mixup = cfg.MIXUP
    for key in ("LOSS.LABEL_SMOOTHING", "MIXUP.LABEL_SMOOTH_VALUE"):
        if can_be_read(cfg, key) and not 0 <= get(cfg, key) < 1:
            yield key, "expected a share of the target: at least 0 and below 1"
    if not (cfg.TRAIN.ENABLE and mixup.ENABLE):
        return
    if mixup.ALPHA == mixup.CUTMIX_ALPHA == 0:
        words = f"with {key_and_value(cfg, 'MIXUP.CUTMIX_ALPHA')} no clips are mixed"
        yield "MIXUP.ALPHA", f"{words}; raise one of the two"
    if cfg.LOSS.LABEL_SMOOTHING:
        yield (
            "LOSS.LABEL_SMOOTHING",
            f"with MIXUP.ENABLE True {key_and_value(cfg, label_smoothing_key(cfg))} is used; leave "
            "this key at 0 and set that one",
        )


@problem
def _frame_stack(cfg: CfgNode) -> Iterator[Finding]:
    if not (cfg.TRAIN.ENABLE and cfg.FRAMESTACK.ENABLE):
        return
    if cfg.MIXUP.ENABLE:
        words = "mixes the clips of a batch, and so does MIXUP.ENABLE True"
        yield "FRAMESTACK.ENABLE", f"{words}; take one of the two"
    # Another check reports a network that is not known.
    shape = feature_shape(cfg) if cfg.MODEL.MODEL_NAME in NETWORKS else None
    if shape and shape[0] == 1:
        words = "features that are means over all frames have no frames to exchange; extract them"
        yield "FRAMESTACK.ENABLE", f"{words} with --tokens, or set it to False"
    elif not shape and cfg.DATA.NUM_FRAMES == 1:
        words = f"with {key_and_value(cfg, 'DATA.NUM_FRAMES')} a clip has no frames to exchange"
        yield "FRAMESTACK.ENABLE", f"{words}; take more frames, or set it to False"


@warning
def _nothing_to_mix(cfg: CfgNode) -> Iterator[Finding]:
    videos = cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg)
    what_remains = {
        "MIXUP.ENABLE": "no clip is mixed and labels are only smoothed",
        "FRAMESTACK.ENABLE": "no clip is mixed",
    }
    for key, words in what_remains.items():
        if cfg.TRAIN.ENABLE and get(cfg, key) and videos == 1:
            yield (
                key,
                "mixes the clips of different videos in a process, and with "
                f"{key_and_value(cfg, 'TRAIN.BATCH_SIZE')} each process has 1 video, so that "
                f"{words}; give each process 2 or more",
            )
    if can_be_read(cfg, "FRAMESTACK.PROB") and cfg.FRAMESTACK.PROB == 0:
        yield "FRAMESTACK.PROB", "no clip is mixed"


@problem
def _norms(cfg: CfgNode) -> Iterator[Finding]:
    if not cfg.TRAIN.ENABLE:
        return
    group = sync_group(cfg, process_count(cfg))
    if process_count(cfg) % group:
        yield (
            "BN.NUM_SYNC_DEVICES",
            f"the {process_count(cfg)} processes of the run cannot be divided into groups of "
            f"{group}; take a divisor",
        )
    if cfg.BN.NORM_TYPE == "sub_batchnorm" and clips_per_pass(cfg) % cfg.BN.NUM_SPLITS:
        yield (
            "BN.NUM_SPLITS",
            f"does not divide the {clips_per_pass(cfg)} clips of a process "
            f"({key_and_value(cfg, 'TRAIN.BATCH_SIZE')}); take a divisor",
        )


@warning
def _norms_of_parts(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.SOLVER.ACCUMULATE_STEPS > 1 and not cfg.MODEL.FROZEN_BN:
        yield (
            "SOLVER.ACCUMULATE_STEPS",
            f"norm layers use the statistics of {norm_group(cfg, process_count(cfg))} clips, those "
            "of one part, so that gradients differ from those of the whole batch; with "
            "MODEL.FROZEN_BN True they do not",
        )


@warning
def _unused_schedule(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if cfg.TRAIN.ENABLE and solver.WARMUP_EPOCHS >= solver.MAX_EPOCH:
        words = f"with {key_and_value(cfg, 'SOLVER.MAX_EPOCH')} the warm-up never ends"
        yield "SOLVER.WARMUP_EPOCHS", words
    if solver.STEPS and solver.LR_POLICY != "steps_with_relative_lrs":
        words = "is only read with SOLVER.LR_POLICY steps_with_relative_lrs"
        yield "SOLVER.STEPS", f"{words}; found {solver.LR_POLICY}"
