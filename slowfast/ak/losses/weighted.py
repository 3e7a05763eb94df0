"""Losses that weigh classes by their counts: class-balanced and distribution-balanced."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from slowfast.ak.losses.counted import (
    CountedLoss,
    check_beta,
    effective_number_weights,
    prior_log_odds,
)
from slowfast.ak.losses.plain import focal_weights


class ClassBalancedBCE(CountedLoss):
    """BCE by w_c = (1 - beta) / (1 - beta^n_c), scaled to sum to C: Cui et al., "Class-Balanced
    Loss Based on Effective Number of Samples" (CVPR 2019).

    In the paper a clip has one class, whose weight all its terms get. With many labels each class
    is a question of its own, and its terms, positive and negative, get its own weight; a clip
    without a label keeps its part. So a class without a training clip, which has negatives alone,
    gets the largest weight of all.
    """

    def __init__(self, beta: float = 0.9999, **shared: Any) -> None:
        super().__init__(**shared)
        check_beta(beta)
        self.beta = beta

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return effective_number_weights(self.state.counts.to(bce.dtype), self.beta) * bce


class ClassBalancedFocal(ClassBalancedBCE):
    """Focal loss by the weights of `ClassBalancedBCE`; the paper tries gamma 0.5, 1 and 2."""

    def __init__(self, beta: float = 0.9999, gamma: float = 2.0, **shared: Any) -> None:
        super().__init__(beta, **shared)
        self.gamma = gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return super().weigh(focal_weights(bce, self.gamma) * bce, targets)


class DistributionBalancedLoss(CountedLoss):
    """Re-balanced weights and a bounded pull of negatives: Wu et al., "Distribution-Balanced Loss
    for Multi-Label Classification in Long-Tailed Datasets" (ECCV 2020), the focal form.

    A clip that is sampled for each of its classes comes too often for a class c by the inverse of
    r = (1 / n_c) / (sum of 1 / n over the clip's classes). Elements are weighted by the smooth
    alpha + sigmoid(beta (r - mu)); a clip without a label has r = infinity.

    Logits are raised by kappa times the log-odds of their class's prior (the bias a head would
    learn first), and those of negatives are multiplied by neg_scale, the loss divided by it, so
    that a negative soon is far enough off. A soft target lies between the two.

    Defaults are the paper's for COCO-LT; for VOC-LT it has mu 0.3 and neg_scale 5. Its code
    multiplies the whole by 2. Give num_clips where counts are given.
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        gamma: float = 2.0,
        neg_scale: float = 2.0,
        kappa: float = 0.05,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.alpha, self.beta, self.mu, self.gamma = alpha, beta, mu, gamma
        self.neg_scale, self.kappa = neg_scale, kappa

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        counts = self.state.counts.to(logits.dtype)
        raised = logits + self.kappa * prior_log_odds(counts, self.state.num_clips)
        return raised * (targets + self.neg_scale * (1 - targets))

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        rarity = 1 / self.state.counts.to(bce.dtype)
        of_clip = (targets * rarity).sum(dim=1, keepdim=True).clamp(min=1e-12)
        balance = self.alpha + (self.beta * (rarity / of_clip - self.mu)).sigmoid()
        tolerance = targets + (1 - targets) / self.neg_scale
        return balance * tolerance * focal_weights(bce, self.gamma) * bce
