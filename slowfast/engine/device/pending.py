"""Losses that are read late.

Reading a number from a GPU waits for all the work that was queued before it. A step therefore
leaves its loss on the device, and `PendingSteps` reads the losses of many steps in one transfer:
every LOG_PERIOD iterations, and always before a checkpoint is written. A loss or a gradient that is
not finite is found there, and no checkpoint is written after it.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from slowfast.ak.errors import UserError
from slowfast.utils import distributed


class ReadStep(NamedTuple):
    """One iteration, and what was measured in it: scalars by name, averaged over processes."""

    iteration: int
    clips: Tensor
    lr: float
    values: dict[str, float]


class DivergedError(UserError):
    """The loss, or the gradient of a step, became NaN or infinite, or the loss grew suddenly."""


class PendingSteps:
    """Holds steps until they are read.

    Args:
        clip_name: gives the name of a clip for its number, for messages.
        where: the epoch in words, for messages.
        skips_bad_gradients: a gradient scaler skips steps whose gradient is not finite, so only the
            loss shows whether the weights are sound.
    """

    def __init__(
        self, clip_name: Callable[[int], str], where: str, skips_bad_gradients: bool = False
    ) -> None:
        self._clip_name = clip_name
        self._where = where
        self._checked = {"loss": "loss"}
        if not skips_bad_gradients:
            self._checked["grad_norm"] = "gradient norm"
        self._steps: list[tuple[int, Tensor, float, dict[str, Tensor]]] = []

    def add(self, iteration: int, clips: Tensor, lr: float, values: Mapping[str, Tensor]) -> None:
        """Adds an iteration.

        Args:
            iteration: counted from 0.
            clips: (N,) numbers of its clips.
            lr: its learning rate.
            values: scalars by name, on the device; the same names in each step.
        """
        held = {name: value.detach().float() for name, value in values.items()}
        self._steps.append((iteration, clips, lr, held))

    def read(self) -> list[ReadStep]:
        """Waits for the steps that are held, returns them and forgets them.

        Raises:
            DivergedError: at the first step that is not finite. Every process raises it, since the
                average is finite on none of them, with the text of a process that has the clips.
        """
        if not self._steps:
            return []
        steps, self._steps = self._steps, []
        names = list(steps[0][3])
        local = torch.stack([torch.stack([values[n] for n in names]) for *_, values in steps])
        (shared,) = distributed.all_reduce([local.clone()])
        read = []
        rows = zip(steps, local.tolist(), shared.tolist(), strict=True)
        for (iteration, clips, lr, _), own, means in rows:
            step = ReadStep(iteration, clips, lr, dict(zip(names, means, strict=True)))
            for name in (name for name in self._checked if name in names):
                if not math.isfinite(step.values[name]):
                    raise DivergedError(self._explain(step, name, own[names.index(name)]))
            read.append(step)
        return read

    def _explain(self, step: ReadStep, name: str, value: float) -> str:
        """The message for a value that is not finite.

        Args:
            value: of this process.
        """
        found = None
        if not math.isfinite(value):
            clips = ", ".join(dict.fromkeys(self._clip_name(int(i)) for i in step.clips))
            found = f"{value} at learning rate {step.lr:.3g}, on {clips}"
        everywhere = distributed.all_gather_unaligned(found)
        found = next(filter(None, everywhere), "too large to be summed")
        return (
            f"{self._where}, iteration {step.iteration + 1}: the {self._checked[name]} became "
            f"{found}. No checkpoint was written with it. Lower SOLVER.BASE_LR, lengthen "
            "SOLVER.WARMUP_EPOCHS, set SOLVER.CLIP_GRAD_L2NORM (try 1.0), or turn "
            "TRAIN.MIXED_PRECISION off; then start the same command again: it goes on from the "
            "last checkpoint."
        )
