"""Label-distribution-aware margins (LDAM) with deferred re-weighting (DRW)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any

import torch
from torch import Tensor

from slowfast.ak.config import label_smoothing_key
from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding, Limits
from slowfast.ak.losses.counted import CountedLoss, check_beta, effective_number_weights
from slowfast.ak.registries.losses import LOSSES


def _problems(cfg) -> Iterator[Finding]:
    steps, betas = cfg.LOSS.LDAM.STEP_EPOCH, cfg.LOSS.LDAM.BETA
    if any(a >= b for a, b in pairwise(steps)):
        yield "LOSS.LDAM.STEP_EPOCH", "expected every later epoch larger, such as [80, 160]"
    if len(steps) != len(betas):
        yield (
            "LOSS.LDAM.BETA",
            f"found {len(betas)} for the {len(steps)} stages of LOSS.LDAM.STEP_EPOCH {steps}; "
            "expected one for each",
        )


def _warnings(cfg) -> Iterator[Finding]:
    steps, last = cfg.LOSS.LDAM.STEP_EPOCH, cfg.SOLVER.MAX_EPOCH - 1
    if steps and steps[0] > last:
        yield (
            "LOSS.LDAM.STEP_EPOCH",
            f"classes are never re-weighted, because the last epoch of SOLVER.MAX_EPOCH {last + 1} "
            f"is {last}, counted from 0",
        )
    key = label_smoothing_key(cfg)
    group, leaf = key.split(".")
    if cfg[group][leaf]:
        words = "smoothed labels carry all classes, and LDAM adds the margins of all to each clip"
        yield key, f"{words}; 0 avoids that"


@LOSSES.register(
    "LDAM",
    labels="many",
    needs_counts=True,
    problems=_problems,
    warnings=_warnings,
    probability_scale="LOSS.LDAM.S",
)
class LDAM(CountedLoss):
    """Label-distribution-aware margins with deferred re-weighting (DRW): Cao et al., "Learning
    Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (NeurIPS 2019), in the form for
    several labels of VideoLT (Zhang et al., ICCV 2021).

    A class has the margin m_c = n_c^(-1/4), scaled so that the largest is max_m. A clip has the sum
    of the margins of its classes. The loss is the BCE of s (x - y margin) for logits x. So the
    logit of a class of the clip must exceed the margin, which is larger for rarer classes. Soft
    labels weight both the sum and what is subtracted.

    From epoch step_epoch on, classes have the weights of their effective number with beta; before
    it all weights are 1.

    The factor s is part of the loss only: scores are sigmoid(x), calibrated ones are sigmoid(s x).

    Args:
        max_m: margin of the rarest class.
        s: factor of the logits, in the loss only: calibrated scores are sigmoid(S x).
        step_epoch: first epoch, counted from 0, of each stage of re-weighting (DRW). Before the
            first stage all classes have the same weight; the last stage lasts to the end. Empty:
            classes are never re-weighted.
        beta: for each stage, the beta of the weights (1 - beta) / (1 - beta^clips); 0: all weights
            are the same.
    """

    def __init__(
        self,
        max_m: Annotated[float, Limits(low=0)] = 0.5,
        s: Annotated[float, Limits(above=0)] = 30.0,
        step_epoch: Annotated[int | Sequence[int], Limits(low=0)] = (80,),
        beta: Annotated[float | Sequence[float], Limits(low=0, below=1)] = (0.9999,),
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


def drw_stages(
    step_epoch: int | Sequence[int], beta: float | Sequence[float]
) -> list[tuple[int, float]]:
    """(first epoch, beta) of each stage of re-weighting.

    Raises:
        UserError: the numbers of epochs and betas differ, or the epochs do not increase.
    """
    starts = list(step_epoch) if isinstance(step_epoch, Sequence) else [step_epoch]
    betas = list(beta) if isinstance(beta, Sequence) else [beta]
    if len(starts) != len(betas) or any(a >= b for a, b in pairwise(starts)):
        raise UserError(
            "LDAM: expected increasing epochs as step_epoch and a beta for each, found "
            f"{starts} and {betas}."
        )
    for value in betas:
        check_beta(value)
    return list(zip(starts, betas, strict=True))
