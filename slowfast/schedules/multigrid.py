"""Multigrid training: small clips in large batches first, whole clips in small batches last.

Wu et al., "A Multigrid Method for Efficiently Training Video Models" (CVPR 2020). A step of any
shape costs about the same, so that an epoch of small clips is short. There are two cycles:

- long (MULTIGRID.LONG_CYCLE): between two steps of the learning rate the clips grow in time and
  space (LONG_CYCLE_FACTORS). The epochs after the last step, for fine-tuning, have whole clips.
- short (MULTIGRID.SHORT_CYCLE): the crops of consecutive steps differ (SHORT_CYCLE_FACTORS).

MULTIGRID.EPOCH_FACTOR times as many epochs are trained as SOLVER.MAX_EPOCH says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from statistics import mean

from fvcore.common.config import CfgNode


@dataclass(frozen=True)
class Shape:
    """The shape of batches.

    Attributes:
        batch: the number of clips, as a multiple of TRAIN.BATCH_SIZE.
        frames: of a clip.
        side: of a clip, pixels.
    """

    batch: int
    frames: int
    side: int


@dataclass(frozen=True)
class Phase:
    """Epochs in which the long cycle does not change the shape of batches.

    Attributes:
        stage: the number of the entry of SOLVER.STEPS that the epochs belong to.
        shape: without the short cycle.
        end: the first epoch after the phase, from 0.
    """

    stage: int
    shape: Shape
    end: int


def whole_shape(cfg: CfgNode) -> Shape:
    """The shape of batches without multigrid."""
    return Shape(1, cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE)


def long_cycle_shapes(cfg: CfgNode) -> list[Shape]:
    """The shapes of the long cycle in their order; batches have about equal numbers of pixels."""
    whole, shapes = whole_shape(cfg), []
    for in_time, in_space in cfg.MULTIGRID.LONG_CYCLE_FACTORS:
        frames, side = round(whole.frames * in_time), round(whole.side * in_space)
        volume = frames * side**2
        batch = round(whole.frames * whole.side**2 / volume) if volume else 0
        shapes.append(Shape(batch, frames, side))
    return shapes


def short_cycle(cfg: CfgNode, shape: Shape) -> list[Shape]:
    """The shapes of consecutive steps in a phase; only its own shape without the short cycle."""
    grid = cfg.MULTIGRID
    if not grid.SHORT_CYCLE:
        return [shape]
    whole = grid.DEFAULT_S or cfg.DATA.TRAIN_CROP_SIZE  # a schedule of upstream changes the crop
    sides = [round(whole * factor) for factor in grid.SHORT_CYCLE_FACTORS]
    smaller = [min(side, shape.side) for side in sides]
    return [
        *(Shape(shape.batch * round((shape.side / s) ** 2), shape.frames, s) for s in smaller),
        shape,
    ]


def long_cycle(cfg: CfgNode) -> list[Phase]:
    """The phases of a run with the long cycle. A phase can be empty.

    The epochs of a stage are divided in proportion to the mean batch of each shape, so that each
    shape has as many steps. The last stage has so many epochs that it saves as many steps as the
    others do. All of them together are scaled to the wanted number of epochs.
    """
    starts, epochs = cfg.SOLVER.STEPS, cfg.SOLVER.MAX_EPOCH
    shapes = long_cycle_shapes(cfg)
    batches = [mean(step.batch for step in short_cycle(cfg, shape)) for shape in shapes]
    parts = [
        (stage, shape, _exact(until - since) * _exact(batch) / _exact(sum(batches)))
        for stage, (since, until) in enumerate(pairwise(starts))
        for shape, batch in zip(shapes, batches, strict=True)
    ]
    last = _exact(epochs - starts[-1]) * _exact(batches[-1]) / _exact(mean(batches))
    parts.append((len(starts) - 1, shapes[-1], last))
    scale = _exact(cfg.MULTIGRID.EPOCH_FACTOR) * epochs / sum(length for *_, length in parts)
    ends = accumulate(length * scale for *_, length in parts)
    return [
        Phase(stage, shape, round(end)) for (stage, shape, _), end in zip(parts, ends, strict=True)
    ]


def _exact(number: float) -> Fraction:
    """A number without the error of binary fractions, so that ends on half an epoch are exact."""
    return Fraction(number).limit_denominator(10**6)


def learning_rate_steps(cfg: CfgNode, phases: list[Phase]) -> Iterator[tuple[int, float]]:
    """Yields (epoch, factor on SOLVER.BASE_LR) of the run with the long cycle.

    The factor of a stage is multiplied by the batch of the shape (Goyal et al., 2017). The first
    half of the last stage keeps the rate before it.
    """
    rates = [cfg.SOLVER.LRS[phase.stage] * phase.shape.batch for phase in phases]
    begins = [0, *(phase.end for phase in phases[:-1])]
    yield from zip(begins[:-1], rates[:-1], strict=True)
    yield begins[-1], rates[-2]
    yield (begins[-1] + phases[-1].end) // 2, rates[-1]
