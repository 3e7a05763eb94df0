"""Class-balanced BCE and focal loss: classes weighted by their effective number of clips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from torch import Tensor

from slowfast.ak.keys import Finding, Limits
from slowfast.ak.losses.counted import CountedLoss, check_beta, effective_number_weights
from slowfast.ak.losses.focal import focal_weights
from slowfast.ak.registries.losses import LOSSES


def _warnings(cfg) -> Iterator[Finding]:
    if cfg.DATA_LOADER.SAMPLER != "shuffle":
        yield (
            "DATA_LOADER.SAMPLER",
            f"balances the classes, and MODEL.LOSS_FUNC {cfg.MODEL.LOSS_FUNC} does so again; one "
            "of the two is usual",
        )


@LOSSES.register("class_balanced_bce", labels="many", needs_counts=True, warnings=_warnings)
class ClassBalancedBCE(CountedLoss):
    """BCE with weights w_c = (1 - beta) / (1 - beta^n_c), scaled to sum to C: Cui et al.,
    "Class-Balanced Loss Based on Effective Number of Samples" (CVPR 2019).

    In the paper a clip has one class, whose weight applies to all terms of the clip. With several
    labels the weight of a class applies to its own terms, positive and negative, and a clip without
    a label keeps its terms. So a class without a training clip, which has only negative terms, has
    the largest weight.

    Args:
        beta: beta of the weights (1 - beta) / (1 - beta^clips); 0: all weights are the same.
    """

    def __init__(
        self, beta: Annotated[float, Limits(low=0, below=1)] = 0.9999, **shared: Any
    ) -> None:
        super().__init__(**shared)
        check_beta(beta)
        self.beta = beta

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return effective_number_weights(self.state.counts.to(bce.dtype), self.beta) * bce


@LOSSES.register("class_balanced_focal", labels="many", needs_counts=True, warnings=_warnings)
class ClassBalancedFocal(ClassBalancedBCE):
    """The focal loss with the weights of `ClassBalancedBCE`. The paper tries gamma 0.5, 1 and 2.

    Args:
        beta: beta of the weights (1 - beta) / (1 - beta^clips); 0: all weights are the same.
        gamma: how fast the loss of easy elements fades.
    """

    def __init__(
        self,
        beta: Annotated[float, Limits(low=0, below=1)] = 0.9999,
        gamma: Annotated[float, Limits(low=0)] = 2.0,
        **shared: Any,
    ) -> None:
        super().__init__(beta, **shared)
        self.gamma = gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        return super().weigh(focal_weights(bce, self.gamma) * bce, targets)
