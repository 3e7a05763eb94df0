"""Losses that are read late.

Reading a number off a GPU waits for all the work queued before it. The step therefore leaves its
loss on the device and :class:`PendingSteps` reads many of them in one transfer: every LOG_PERIOD
iterations, and always before a checkpoint. A loss that is not finite is found there, named with
its iteration, clips and learning rate, and no checkpoint is written after it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from slowfast.ak.errors import UserError
from slowfast.utils import distributed


class Step(NamedTuple):
    """One iteration: where it was, and ``values`` still on the device (the loss comes first)."""

    iteration: int
    clips: torch.Tensor
    lr: float
    values: tuple[torch.Tensor, ...]


class DivergedError(UserError):
    """The loss became NaN or infinite."""


class PendingSteps:
    """Holds steps until they are read.

    Args:
        clip_name: gives a clip's name for its index, for the message.
        where: the epoch in words, for the message.
    """

    def __init__(self, clip_name: Callable[[int], str], where: str) -> None:
        self._clip_name = clip_name
        self._where = where
        self._steps: list[Step] = []

    def add(self, iteration: int, clips: torch.Tensor, lr: float, *values: torch.Tensor) -> None:
        """Adds an iteration: ``clips`` (N,) indices; ``values`` scalars, the loss first."""
        self._steps.append(Step(iteration, clips, lr, tuple(v.detach().float() for v in values)))

    def read(self) -> list[tuple[Step, list[float]]]:
        """Waits for the steps held, and returns them with their values, averaged over processes.

        Raises:
            DivergedError: at the first step whose loss is not finite. Every process raises, since
                the average is not finite on any of them; the one that has the clip names it.
        """
        if not self._steps:
            return []
        steps, self._steps = self._steps, []
        local = torch.stack([torch.stack(step.values) for step in steps])
        (shared,) = distributed.all_reduce([local.clone()])
        for step, own, mean in zip(steps, local[:, 0].tolist(), shared[:, 0].tolist(), strict=True):
            if not _is_finite(mean):
                raise DivergedError(self._explain(step, own))
        return list(zip(steps, shared.tolist(), strict=True))

    def _explain(self, step: Step, loss: float) -> str:
        if _is_finite(loss):
            return f"{self._where}, iteration {step.iteration + 1}: another process's loss diverged"
        names: Sequence[str] = [self._clip_name(int(i)) for i in step.clips]
        return (
            f"{self._where}, iteration {step.iteration + 1}: the loss became {loss} at learning "
            f"rate {step.lr:.3g}, on the clips {', '.join(names)}. No checkpoint was written with "
            "it. Lower SOLVER.BASE_LR, lengthen SOLVER.WARMUP_EPOCHS, set SOLVER.CLIP_GRAD_L2NORM "
            "(try 1.0), or turn TRAIN.MIXED_PRECISION off; then start the same command again: it "
            "goes on from the last checkpoint."
        )


def _is_finite(value: float) -> bool:
    return value - value == 0
