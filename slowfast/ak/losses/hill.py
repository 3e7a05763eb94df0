"""The Hill loss, for labels that are incomplete."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.keys import Limits
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.losses.focal import focal_weights
from slowfast.ak.registries.losses import LOSSES


def focal_margin(logits: Tensor, gamma: float, margin: float) -> Tensor:
    """The loss of a positive, of any shape: -(1 - q)^gamma log q with q = sigmoid(x - margin)."""
    positive = F.softplus(margin - logits)
    return focal_weights(positive, gamma) * positive


def hill_of_negatives(logits: Tensor, height: float) -> Tensor:
    """The loss of a negative, of any shape: (height - p) p^2 with p = sigmoid(x)."""
    scores = logits.sigmoid()
    return (height - scores) * scores.square()


@LOSSES.register("hill_loss", labels="many", needs_counts=False)
class HillLoss(MultiLabelLoss):
    """A loss in which negatives with a high score lose weight, because they may lack a label:
    Zhang et al., "Simple and Robust Loss Design for Multi-Label Learning with Missing Labels"
    (2021).

    y (1 - q)^gamma (-log q) + (1 - y) (lambda - p) p^2 with p = sigmoid(x), q = sigmoid(x -
    margin). With lambda 1.5 the gradient of a negative is 3 p^2 (1 - p)^2, which is largest at
    p = 0.5 and falls to 0 at p = 1. A soft target is a mixture of the two sides.

    Args:
        gamma: how fast the loss of easy positives fades.
        margin: what is subtracted from the logits of positives, in the loss only.
        height: lambda. A negative has the largest loss at the score 2/3 of lambda; 1.5 is the
            smallest value with which the loss never falls as the score rises.
    """

    def __init__(
        self,
        gamma: Annotated[float, Limits(low=0)] = 2.0,
        margin: Annotated[float, Limits(low=0)] = 1.0,
        height: Annotated[float, Limits(low=1)] = 1.5,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.gamma, self.margin, self.height = gamma, margin, height

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        positive = focal_margin(logits, self.gamma, self.margin)
        return targets * positive + (1 - targets) * hill_of_negatives(logits, self.height)
