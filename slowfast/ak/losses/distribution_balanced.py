"""The distribution-balanced loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from torch import Tensor

from slowfast.ak.config import label_smoothing_key
from slowfast.ak.keys import Finding, Limits
from slowfast.ak.losses.counted import CountedLoss, prior_log_odds
from slowfast.ak.losses.focal import focal_weights
from slowfast.ak.registries.losses import LOSSES


def _problems(cfg) -> Iterator[Finding]:
    key = label_smoothing_key(cfg)
    group, leaf = key.split(".")
    if cfg[group][leaf]:
        yield (
            key,
            "smoothed labels carry all classes, and MODEL.LOSS_FUNC distribution_balanced would "
            "weight a clip by classes that it does not show; set it to 0",
        )


@LOSSES.register("distribution_balanced", labels="many", needs_counts=True, problems=_problems)
class DistributionBalancedLoss(CountedLoss):
    """Re-balanced weights and a bounded push of negatives: Wu et al., "Distribution-Balanced Loss
    for Multi-Label Classification in Long-Tailed Datasets" (ECCV 2020), the focal form.

    If clips are sampled for each of their classes, a clip comes too often for class c by the
    inverse of r = (1 / n_c) / (sum of 1 / n over the classes of the clip). Elements are weighted by
    the smooth function alpha + sigmoid(beta (r - mu)); a clip without a label has r = infinity.

    Kappa times the log-odds of the prior of a class (the bias that a head would learn first) is
    added to its logits. Logits of negatives are multiplied by neg_scale, and their loss is divided
    by it, so that the push on a negative ends earlier. A soft target lies between the two.

    Defaults are the paper's for COCO-LT; for VOC-LT it uses mu 0.3 and neg_scale 5. Its code
    multiplies the whole loss by 2. Give num_clips with class_counts.

    Args:
        alpha: smallest weight of an element.
        beta: steepness of the weight over the share r of a class in the rarity of its clip.
        mu: share r at which the weight is half-way up.
        gamma: how fast the loss of easy elements fades; 0: it does not.
        neg_scale: factor of negative logits, by which their loss is divided (the paper's lambda).
        kappa: factor of the prior log-odds that are added to the logits of a class.
    """

    def __init__(
        self,
        alpha: Annotated[float, Limits(low=0)] = 0.1,
        beta: Annotated[float, Limits(low=0)] = 10.0,
        mu: float = 0.2,
        gamma: Annotated[float, Limits(low=0)] = 2.0,
        neg_scale: Annotated[float, Limits(above=0)] = 2.0,
        kappa: Annotated[float, Limits(low=0)] = 0.05,
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
        rarity_of_clip = (targets * rarity).sum(dim=1, keepdim=True).clamp(min=1e-12)
        balance = self.alpha + (self.beta * (rarity / rarity_of_clip - self.mu)).sigmoid()
        tolerance = targets + (1 - targets) / self.neg_scale
        return balance * tolerance * focal_weights(bce, self.gamma) * bce
