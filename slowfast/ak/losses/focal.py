"""The focal loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor

from slowfast.ak.keys import Finding, Limits
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.registries.losses import LOSSES


def focal_weights(bce: Tensor, gamma: float) -> Tensor:
    """(1 - p_t)^gamma with p_t = exp(-bce), of any shape.

    The base is kept above zero, where the slope of a gamma below 1 is infinite.
    """
    missing = -torch.expm1(-bce)
    return missing.clamp(min=torch.finfo(bce.dtype).tiny) ** gamma


def _warnings(cfg) -> Iterator[Finding]:
    if (cfg.LOSS.FOCAL_LOSS.ALPHA, cfg.LOSS.FOCAL_LOSS.GAMMA) == (1, 0):
        yield (
            "MODEL.LOSS_FUNC",
            "is bce_loss with LOSS.FOCAL_LOSS.ALPHA 1 and GAMMA 0, as released; for a focal loss "
            "set GAMMA, for example to 2",
        )


@LOSSES.register("focal_loss", labels="many", needs_counts=False, warnings=_warnings)
class FocalLoss(MultiLabelLoss):
    """alpha (1 - p_t)^gamma BCE with p_t = exp(-BCE): Lin et al., "Focal Loss for Dense Object
    Detection" (ICCV 2017).

    With gamma 0 and alpha 1, as Animal Kingdom's code was released, it is BCE. The loss grows with
    BCE, so that the best score of a soft target is still the target.

    Args:
        alpha: factor of the whole loss.
        gamma: how fast the loss of easy elements fades. 0, as released, is bce_loss; 2 is usual.
    """

    def __init__(
        self,
        alpha: Annotated[float, Limits(low=0)] = 1.0,
        gamma: Annotated[float, Limits(low=0)] = 0.0,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.alpha, self.gamma = alpha, gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return self.alpha * focal_weights(bce, self.gamma) * bce
