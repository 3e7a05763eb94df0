"""What a loss knows besides logits and targets: clips of each class, epoch, step, settings.

A loss that is given `class_counts` has a state of its own. One that is not takes the state that
training put into `context`. Upstream builds its loss anew in every iteration and tells it nothing;
what is kept here outlives that: counts are read once and sent to the device once, the epoch stays
set, EQL's steps go on being counted, and arguments are those that were configured.
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
    """Counts, epoch and step, as tensors that move with the loss.

    They are tensors so that a compiled loss takes a new epoch as an input like any other. Epoch
    and step are part of the state dict.

    Args:
        class_counts: clips that carry each class. A class with less than one clip is treated as
            one with one: it is the rarest there can be, and nothing becomes infinite.
        num_clips: clips there are. Without it the sum of the counts, which is larger where clips
            have several labels; only the priors of `LogitAdjustedBCE` and
            `DistributionBalancedLoss` ask for it.
        seed, rank: of the run and of the process, for what is drawn.

    Raises:
        UserError: for counts that are negative, not finite, or no row of numbers.
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
        """Begin an epoch, counted from 0, at its first step."""
        self.epoch.fill_(epoch)
        self.step.zero_()


class Context:
    """The state of losses that are built without class counts, and arguments for all losses."""

    def __init__(self) -> None:
        self.clear()

    def set(
        self,
        state: LossState | Callable[[], LossState],
        arguments: Callable[[str], dict[str, Any]] = lambda name: {},
    ) -> None:
        """Give later losses a state, or what makes it when the first of them asks for it.

        Losses built before keep the state that they have. `arguments` gives, for the name of a
        loss, those of its arguments that a caller need not give.
        """
        self._state, self._epoch, self.arguments = state, 0, arguments

    def clear(self) -> None:
        """Forget state and arguments."""
        self._state: LossState | Callable[[], LossState] | None = None
        self._epoch = 0
        self.arguments: Callable[[str], dict[str, Any]] = lambda name: {}

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch, counted from 0, for all losses of this context."""
        self._epoch = epoch
        if isinstance(self._state, LossState):
            self._state.set_epoch(epoch)

    def state_for(self, loss: str) -> LossState:
        """The state. Raises UserError, with the name of the loss that asks, where there is none."""
        if self._state is None:
            raise UserError(
                f"{loss}: needs class_counts, the number of training clips of each class: give it "
                "as an argument, or give slowfast.ak.losses.context a LossState, as training does."
            )
        if not isinstance(self._state, LossState):
            self._state = self._state()
            self._state.set_epoch(self._epoch)
        return self._state


context = Context()


def _checked(class_counts: Sequence[float] | np.ndarray | Tensor) -> np.ndarray:
    """Counts as float64, with a word on classes that have none."""
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
    """Once a process for the same classes, however often a loss is built."""
    named = ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")
    logger.warning(
        f"{len(classes)} of {num_classes} classes have no training clip ({named}). The loss treats "
        "each as a class of one clip."
    )
