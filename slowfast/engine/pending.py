"""Losses that are read late.

Reading a number off a GPU waits for all the work queued before it. The step therefore leaves its
loss on the device and :class:`PendingSteps` reads many of them in one transfer: every LOG_PERIOD
iterations, and always before a checkpoint. A loss or a gradient that is not finite is found there,
named with its iteration, clips and learning rate, and no checkpoint is written after it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch

from slowfast.ak.errors import UserError
from slowfast.utils import distributed


class Step(NamedTuple):
    """One iteration: where it was, and its loss, gradient norm, ... still on the device."""

    iteration: int
    clips: torch.Tensor
    lr: float
    values: tuple[torch.Tensor, ...]


class DivergedError(UserError):
    """The loss, or the gradient that the weights were moved by, became NaN or infinite."""


class PendingSteps:
    """Holds steps until they are read.

    Args:
        clip_name: gives a clip's name for its index, for the message.
        where: the epoch in words, for the message.
        skips_bad_gradients: a gradient scaler leaves out steps whose gradient is not finite, so
            that the loss alone tells whether the weights are sound.
    """

    def __init__(
        self, clip_name: Callable[[int], str], where: str, skips_bad_gradients: bool = False
    ) -> None:
        self._clip_name = clip_name
        self._where = where
        self._checked = ("loss",) if skips_bad_gradients else ("loss", "gradient norm")
        self._steps: list[Step] = []

    def add(self, iteration: int, clips: torch.Tensor, lr: float, *values: torch.Tensor) -> None:
        """Adds an iteration: ``clips`` (N,) indices; scalars: loss, gradient norm, any more."""
        self._steps.append(Step(iteration, clips, lr, tuple(v.detach().float() for v in values)))

    def read(self) -> list[tuple[Step, list[float]]]:
        """Waits for the steps held, and returns them with their values, averaged over processes.

        Raises:
            DivergedError: at the first step that is not finite. Every process raises, since the
                average is not finite on any of them, and with the text of one that has the clips.
        """
        if not self._steps:
            return []
        steps, self._steps = self._steps, []
        local = torch.stack([torch.stack(step.values) for step in steps])
        (shared,) = distributed.all_reduce([local.clone()])
        for step, own, means in zip(steps, local.tolist(), shared.tolist(), strict=True):
            for what, own_value, mean in zip(self._checked, own, means, strict=False):
                if not math.isfinite(mean):
                    raise DivergedError(self._explain(step, what, own_value))
        return list(zip(steps, shared.tolist(), strict=True))

    def _explain(self, step: Step, what: str, value: float) -> str:
        told = None
        if not math.isfinite(value):
            clips = ", ".join(self._clip_name(int(i)) for i in step.clips)
            told = f"{value} at learning rate {step.lr:.3g}, on {clips}"
        told = next(filter(None, distributed.all_gather_unaligned(told)), "too large to be summed")
        return (
            f"{self._where}, iteration {step.iteration + 1}: the {what} became {told}. No "
            "checkpoint was written with it. Lower SOLVER.BASE_LR, lengthen SOLVER.WARMUP_EPOCHS, "
            "set SOLVER.CLIP_GRAD_L2NORM (try 1.0), or turn TRAIN.MIXED_PRECISION off; then start "
            "the same command again: it goes on from the last checkpoint."
        )
