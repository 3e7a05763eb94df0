"""The asymmetric loss."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.keys import Limits
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.losses.focal import focal_weights
from slowfast.ak.registries.losses import LOSSES


@LOSSES.register("asymmetric_loss", labels="many", needs_counts=False)
class AsymmetricLoss(MultiLabelLoss):
    """A loss in which easy negatives fade faster than easy positives: Ridnik, Ben-Baruch et al.,
    "Asymmetric Loss for Multi-Label Classification" (ICCV 2021).

    -y (1 - p)^gamma_pos log p - (1 - y) q^gamma_neg log(1 - q) with q = max(p - clip, 0). The
    defaults are the paper's. A soft target is a mixture of the two sides.

    Args:
        gamma_pos: how fast the loss of easy positives fades.
        gamma_neg: how fast the loss of easy negatives fades.
        clip: probability below which a negative has no loss.
    """

    def __init__(
        self,
        gamma_pos: Annotated[float, Limits(low=0)] = 0.0,
        gamma_neg: Annotated[float, Limits(low=0)] = 4.0,
        clip: Annotated[float, Limits(low=0, below=1)] = 0.05,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.gamma_pos, self.gamma_neg = gamma_pos, gamma_neg
        self.log_clip = math.log(clip) if clip > 0 else -math.inf

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        # BCE of a certain positive and of a certain negative; 1 - q = min(1 - p + clip, 1).
        positive = F.softplus(-logits)
        log_clip = torch.full_like(logits, self.log_clip)
        negative = -torch.logaddexp(F.logsigmoid(-logits), log_clip).clamp(max=0)
        return (
            targets * focal_weights(positive, self.gamma_pos) * positive
            + (1 - targets) * focal_weights(negative, self.gamma_neg) * negative
        )
