"""Losses that need to know nothing of the classes: BCE, focal, asymmetric."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.losses.base import MultiLabelLoss


class BCELoss(MultiLabelLoss):
    """Binary cross entropy with logits."""


class FocalLoss(MultiLabelLoss):
    """alpha (1 - p_t)^gamma BCE with p_t = exp(-BCE): Lin et al., "Focal Loss for Dense Object
    Detection" (ICCV 2017).

    With gamma 0 and alpha 1, as Animal Kingdom's code was released, it is BCE. It grows with BCE,
    so that the best score of a soft target stays the target.
    """

    def __init__(self, alpha: float = 1.0, gamma: float = 0.0, **shared: Any) -> None:
        super().__init__(**shared)
        self.alpha, self.gamma = alpha, gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return self.alpha * focal_weights(bce, self.gamma) * bce


class AsymmetricLoss(MultiLabelLoss):
    """Negatives fade faster than positives, and easy ones vanish: Ridnik, Ben-Baruch et al.,
    "Asymmetric Loss for Multi-Label Classification" (ICCV 2021).

    -y (1 - p)^gamma_pos log p - (1 - y) q^gamma_neg log(1 - q) with q = max(p - clip, 0). The
    defaults are the paper's. A soft target mixes the two sides.
    """

    def __init__(
        self, gamma_pos: float = 0.0, gamma_neg: float = 4.0, clip: float = 0.05, **shared: Any
    ) -> None:
        super().__init__(**shared)
        self.gamma_pos, self.gamma_neg = gamma_pos, gamma_neg
        self.log_clip = math.log(clip) if clip > 0 else -math.inf

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        # BCE of a sure positive and of a sure negative; 1 - q = min(1 - p + clip, 1).
        positive = F.softplus(-logits)
        log_clip = torch.full_like(logits, self.log_clip)
        negative = -torch.logaddexp(F.logsigmoid(-logits), log_clip).clamp(max=0)
        return (
            targets * focal_weights(positive, self.gamma_pos) * positive
            + (1 - targets) * focal_weights(negative, self.gamma_neg) * negative
        )


def focal_weights(bce: Tensor, gamma: float) -> Tensor:
    """(1 - p_t)^gamma with p_t = exp(-bce), of any shape.

    Held above zero, where the slope of a gamma below 1 is infinite.
    """
    missing = -torch.expm1(-bce)
    return missing.clamp(min=torch.finfo(bce.dtype).tiny) ** gamma
