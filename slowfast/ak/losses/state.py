"""The state of a loss: clips of each class, epoch and step, and the context that keeps it.

A loss with the argument `class_counts` has its own state. Any other loss takes the state that
training has set in `context`. Upstream builds its loss again in every iteration, without arguments.
The context stays: counts are read once and sent to the device once, the epoch and the number of
steps are kept, and the configured arguments are used.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from slowfast.ak.errors import UserError

logger = logging.getLogger(__name__)


class LossState(nn.Module):
    """Counts, epoch and step, as tensors that move to the device with the loss.

    The epoch is a tensor so that a new one does not compile a compiled loss again. Epoch and step
    are part of the state dict.

    Args:
        class_counts: number of clips with each class. A class with less than one clip is treated
            as a class with one clip, so that no weight is infinite.
        num_clips: number of clips; None: the sum of the counts, which is larger if clips have
            several labels. Only the priors of some losses need it.
        seed, rank: seed of the run and rank of the process, for random numbers.

    Raises:
        UserError: counts are negative, not finite, or not a sequence of numbers.
    """

    counts: Tensor  # (C,) float32, at least 1
    epoch: Tensor  # int64
    step: Tensor  # int64, steps done in this epoch

    def __init__(
        self,
        class_counts: Sequence[float] | np.ndarray | Tensor,
        num_clips: float | None = None,
        seed: int = 0,
        rank: int = 0,
    ) -> None:
        super().__init__()
        counts = _checked(class_counts)
        self.num_clips = float(counts.sum() if num_clips is None else num_clips)
        self.seed, self.rank = seed, rank
        at_least_one = torch.tensor(np.maximum(counts, 1), dtype=torch.float32)
        self.register_buffer("counts", at_least_one, persistent=False)
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def set_epoch(self, epoch: int) -> None:
        """Starts an epoch, counted from 0, at its first step."""
        self.epoch.fill_(epoch)
        self.step.zero_()


class Context:
    """The state of losses that are built without class counts, and arguments of all losses."""

    def __init__(self) -> None:
        self.clear()

    def set(
        self,
        state: LossState | Callable[[], LossState],
        arguments: Callable[[str], dict[str, Any]] = lambda name: {},
    ) -> None:
        """Sets the state of losses that are built later. Earlier losses keep their state.

        Args:
            state: the state, or a function that makes it when a loss first needs it.
            arguments: returns, for the name of a loss, arguments that a caller may leave out.
        """
        self._state, self._epoch, self.arguments = state, 0, arguments

    def clear(self) -> None:
        """Removes state and arguments."""
        self._state: LossState | Callable[[], LossState] | None = None
        self._epoch = 0
        self.arguments: Callable[[str], dict[str, Any]] = lambda name: {}

    @property
    def epoch(self) -> int:
        """The epoch that began last, counted from 0."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Starts an epoch, counted from 0, for all losses of this context."""
        self._epoch = epoch
        if isinstance(self._state, LossState):
            self._state.set_epoch(epoch)

    def state_for(self, loss: str) -> LossState:
        """The state. Raises UserError with the name of the loss if no state is set."""
        if self._state is None:
            raise UserError(
                f"{loss}: needs class_counts, the number of training clips of each class: give it "
                "as an argument, or set a LossState in slowfast.ak.losses.context."
            )
        if not isinstance(self._state, LossState):
            self._state = self._state()
            self._state.set_epoch(self._epoch)
        return self._state


context = Context()


def _checked(class_counts: Sequence[float] | np.ndarray | Tensor) -> np.ndarray:
    """Counts as float64. Logs a warning for classes without a clip."""
    if isinstance(class_counts, Tensor):
        class_counts = class_counts.detach().cpu().numpy()
    try:
        counts = np.asarray(class_counts, np.float64)
    except (TypeError, ValueError):
        counts = np.empty(0)
    if counts.ndim != 1 or not len(counts):
        raise UserError(
            f"class_counts: expected one number for each class, found {class_counts!r:.80}."
        )
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0)))
    if len(wrong):
        raise UserError(
            f"class_counts: expected numbers from 0 on, found {counts[wrong[0]]:g} for class "
            f"{wrong[0]}."
        )
    if empty := tuple(np.flatnonzero(counts == 0).tolist()):
        _warn_of_empty_classes(empty, len(counts))
    return counts


@functools.cache
def _warn_of_empty_classes(classes: tuple[int, ...], num_classes: int) -> None:
    """Logs the warning once in a process for the same classes."""
    names = ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")
    logger.warning(
        f"{len(classes)} of {num_classes} classes have no training clip ({names}). The loss treats "
        "each as a class with one clip."
    )
