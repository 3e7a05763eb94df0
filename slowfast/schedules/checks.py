"""Checks of multigrid training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config.checks import problem
from slowfast.config.derived import process_count
from slowfast.config.dotted import key_and_value
from slowfast.schedules.multigrid import Shape, long_cycle_shapes, short_cycle, whole_shape
from slowfast.schedules.plan import RunPlan


@problem
def _multigrid(cfg: CfgNode) -> Iterator[Finding]:
    grid = cfg.MULTIGRID
    if not cfg.TRAIN.ENABLE or grid.DEFAULT_B:
        return
    if 0 < grid.LONG_CYCLE_SAMPLING_RATE < cfg.DATA.SAMPLING_RATE and not grid.LONG_CYCLE:
        words = f"expected 0, or at least {key_and_value(cfg, 'DATA.SAMPLING_RATE')}"
        yield "MULTIGRID.LONG_CYCLE_SAMPLING_RATE", words
    key = "MULTIGRID.LONG_CYCLE" if grid.LONG_CYCLE else "MULTIGRID.SHORT_CYCLE"
    if not (grid.LONG_CYCLE or grid.SHORT_CYCLE):
        return
    if DATASETS.facts(cfg.TRAIN.DATASET).gives_features:
        yield key, f"{key_and_value(cfg, 'TRAIN.DATASET')} gives features, which have no crops"
    found = list(_factors(cfg))
    yield from found
    if found or not grid.LONG_CYCLE:
        return
    found = list(_steps(cfg))
    yield from found
    if not found:
        yield from _shapes(cfg)
        yield from _norms(cfg)


def _factors(cfg: CfgNode) -> Iterator[Finding]:
    grid = cfg.MULTIGRID
    if grid.SHORT_CYCLE and any(isinstance(factor, list) for factor in grid.SHORT_CYCLE_FACTORS):
        yield "MULTIGRID.SHORT_CYCLE_FACTORS", "expected numbers, such as [0.5, 0.7071]"
    pairs = grid.LONG_CYCLE_FACTORS
    if grid.LONG_CYCLE and not (
        pairs and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
    ):
        words = "expected two factors a phase, on frames and crop, such as [[0.5, 0.7071], [1, 1]]"
        yield "MULTIGRID.LONG_CYCLE_FACTORS", words


def _steps(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if solver.LR_POLICY != "steps_with_relative_lrs":
        yield (
            "MULTIGRID.LONG_CYCLE",
            f"its cycles lie between steps of the learning rate, found "
            f"{key_and_value(cfg, 'SOLVER.LR_POLICY')}; take steps_with_relative_lrs, or "
            "MULTIGRID.SHORT_CYCLE alone",
        )
    elif not 1 < len(solver.STEPS) <= len(solver.LRS):
        words = "the long cycle needs two steps or more, such as [0, 41, 49], and a rate for each"
        yield "SOLVER.STEPS", words
    elif solver.STEPS[-1] >= solver.MAX_EPOCH or any(a >= b for a, b in pairwise(solver.STEPS)):
        words = f"the steps of the long cycle ascend, and end before epoch {solver.MAX_EPOCH}"
        yield "SOLVER.STEPS", f"{words}, {key_and_value(cfg, 'SOLVER.MAX_EPOCH')}"


def _shapes(cfg: CfgNode) -> Iterator[Finding]:
    """Clips that are empty, or that the network does not take."""
    key, whole = "MULTIGRID.LONG_CYCLE_FACTORS", whole_shape(cfg)
    problems = NETWORKS.facts(cfg.MODEL.MODEL_NAME).problems
    for shape in long_cycle_shapes(cfg):
        clip = f"clips of {shape.frames} frames and {shape.side} pixels"
        smallest = min(each.side for each in short_cycle(cfg, shape))
        if not (shape.batch and shape.frames and smallest):
            yield key, f"gives {clip} and crops of {smallest}; take larger factors"
        elif shape != whole and problems:
            resized = _with_shape(cfg, shape)
            for _, words in problems(resized):
                yield key, f"gives {clip}: {words}"


def _with_shape(cfg: CfgNode, shape: Shape) -> CfgNode:
    copy = cfg.clone()
    copy.defrost()
    copy.DATA.NUM_FRAMES, copy.DATA.TRAIN_CROP_SIZE = shape.frames, shape.side
    return copy


def _norms(cfg: CfgNode) -> Iterator[Finding]:
    plan, processes = RunPlan.from_cfg(cfg), process_count(cfg)
    sizes = {plan.norm_groups(phase.end - 1).devices for phase in plan.phases}
    for devices in sorted(sizes):
        if processes % min(devices, processes):
            yield (
                "MULTIGRID.BN_BASE_SIZE",
                f"asks for groups of {devices} processes, and the run has {processes}; take a "
                "base size that divides them evenly",
            )
