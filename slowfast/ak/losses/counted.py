"""The base of losses that use n_c, the number of training clips of each class.

Weights and priors are a few operations on C numbers, so they are computed from the counts where
they are used, on the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from slowfast.ak.errors import UserError
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.losses.state import LossState, context


class CountedLoss(MultiLabelLoss):
    """A loss that uses the number of training clips of each class.

    Args:
        class_counts: C numbers; None: the state of `slowfast.ak.losses.context`.
        num_clips, seed, rank: used with class_counts, as in `LossState`.
        shared: see `MultiLabelLoss`.

    Raises:
        UserError: there are neither counts nor a context, or the counts are not numbers from 0 on;
            in a call: there is not one count for each class.
    """

    def __init__(
        self,
        class_counts: Sequence[float] | np.ndarray | Tensor | None = None,
        num_clips: float | None = None,
        seed: int = 0,
        rank: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if class_counts is None:
            self.state = context.state_for(type(self).__name__)
        else:
            self.state = LossState(class_counts, num_clips, seed, rank)

    def set_epoch(self, epoch: int) -> None:
        self.state.set_epoch(epoch)

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        if len(self.state.counts) != logits.shape[1]:
            raise UserError(
                f"class_counts: found {len(self.state.counts)} numbers, expected "
                f"{logits.shape[1]}, one for each class; give the counts of all classes, or "
                "correct MODEL.NUM_CLASSES."
            )
        if self.state.counts.device != logits.device:
            self.state.to(logits.device)  # once; the context keeps the state
        return super().elements(logits, targets)


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """(C,): (1 - beta) / (1 - beta^n_c), scaled to sum to C.

    From Cui et al., "Class-Balanced Loss Based on Effective Number of Samples" (CVPR 2019). With
    beta 0 all are 1; for beta near 1 they are proportional to 1 / n_c.
    """
    if beta == 0:
        return torch.ones_like(counts)
    # expm1 avoids the rounding of beta^n near 1.
    weights = -1 / torch.expm1(counts * math.log(beta))
    return weights * (len(weights) / weights.sum())


def check_beta(beta: float) -> None:
    """Raises UserError unless 0 <= beta < 1, as `effective_number_weights` needs."""
    if not 0 <= beta < 1:
        raise UserError(
            f"beta: expected a number from 0 on and below 1, found {beta}; take 0.9999."
        )


def prior_log_odds(counts: Tensor, num_clips: float) -> Tensor:
    """(C,): log(pi_c / (1 - pi_c)) of the share pi_c = n_c / N of clips with a class.

    At least one clip counts as a clip without the class, so that the result is finite.
    """
    return counts.log() - (num_clips - counts).clamp(min=1).log()
