"""Losses that ask more of the rare classes' logits: margins (LDAM), priors (logit adjustment)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from slowfast.ak.errors import UserError
from slowfast.ak.losses.counted import (
    CountedLoss,
    check_beta,
    effective_number_weights,
    prior_log_odds,
)


class LDAM(CountedLoss):
    """Label-distribution-aware margins with deferred re-weighting (DRW): Cao et al., "Learning
    Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (NeurIPS 2019), in the form for
    many labels of VideoLT (Zhang et al., ICCV 2021).

    A class has the margin m_c = n_c^(-1/4), scaled so that the largest is max_m; a clip has the sum
    of its classes'. BCE takes s (x - y margin) for the logits x, so a class must be told from its
    absence by more than the margin, and by the more, the rarer the clip's classes are. Soft labels
    weigh both the sum and what is taken off.

    From the epoch step_epoch on (counted from 0) classes have the weights of the effective number
    with beta; before it all are 1. Both may be lists, an entry a stage; the last stage stays.

    s multiplies in the loss alone: scores rank by sigmoid(x), calibrated ones are sigmoid(s x).
    """

    def __init__(
        self,
        max_m: float = 0.5,
        s: float = 30.0,
        step_epoch: int | Sequence[int] = 80,
        beta: float | Sequence[float] = 0.9999,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.max_m, self.s = max_m, s
        self.stages = drw_stages(step_epoch, beta)

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        margins = self.state.counts.to(logits.dtype) ** -0.25
        margins = margins * (self.max_m / margins.max())
        margin = (targets * margins).sum(dim=1, keepdim=True)
        return self.s * (logits - targets * margin)

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        counts = self.state.counts.to(bce.dtype)
        weights = torch.ones_like(counts)
        for start, beta in self.stages:
            later = effective_number_weights(counts, beta)
            weights = torch.where(self.state.epoch >= start, later, weights)
        return weights * bce


class LogitAdjustedBCE(CountedLoss):
    """BCE of logits that are raised by the log-odds of their class: x + tau log(pi / (1 - pi)).

    Menon et al., "Long-Tail Learning via Logit Adjustment" (ICLR 2021), add tau log(pi) to the
    logits of a softmax. Here each class is a question of its own, whose prior enters its logit as
    log-odds. What frequency alone explains is so taken off the network, and the plain logits, by
    which clips are scored, no longer favour the frequent classes. pi_c = n_c / N; give num_clips
    where counts are given.
    """

    def __init__(self, tau: float = 1.0, **shared: Any) -> None:
        super().__init__(**shared)
        self.tau = tau

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        counts = self.state.counts.to(logits.dtype)
        return logits + self.tau * prior_log_odds(counts, self.state.num_clips)


def drw_stages(
    step_epoch: int | Sequence[int], beta: float | Sequence[float]
) -> list[tuple[int, float]]:
    """(first epoch, beta) of each stage. Raises UserError unless they pair up and epochs grow."""
    starts = list(step_epoch) if isinstance(step_epoch, Sequence) else [step_epoch]
    betas = list(beta) if isinstance(beta, Sequence) else [beta]
    if len(starts) != len(betas) or any(a >= b for a, b in pairwise(starts)):
        raise UserError(
            "LDAM: expected growing epochs as step_epoch and a beta for each, found "
            f"{starts} and {betas}."
        )
    for value in betas:
        check_beta(value)
    return list(zip(starts, betas, strict=True))
