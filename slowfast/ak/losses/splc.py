"""Self-paced loss correction (SPLC), for labels that are incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.keys import Finding, Limits
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.losses.focal import focal_weights
from slowfast.ak.losses.hill import focal_margin, hill_of_negatives
from slowfast.ak.losses.state import context
from slowfast.ak.registries.losses import LOSSES


def _warnings(cfg) -> Iterator[Finding]:
    start, epochs = cfg.LOSS.SPLC.START_EPOCH, cfg.SOLVER.MAX_EPOCH
    if start >= epochs:
        yield (
            "LOSS.SPLC.START_EPOCH",
            f"no label is corrected, because the last epoch of SOLVER.MAX_EPOCH {epochs} is "
            f"{epochs - 1}, counted from 0",
        )


@LOSSES.register("splc", labels="many", needs_counts=False, warnings=_warnings)
class SPLC(MultiLabelLoss):
    """Self-paced loss correction: from an epoch on, a negative with a high score counts as a
    positive, because its label may be missing: Zhang et al., "Simple and Robust Loss Design for
    Multi-Label Learning with Missing Labels" (2021).

    With p = sigmoid(x), q = sigmoid(x - margin): a positive has the loss L+ = -(1 - q)^gamma log q,
    a negative L- = -p^gamma log(1 - p), or the Hill loss (1.5 - p) p^2. From epoch start_epoch on,
    a negative with p > threshold has the loss L+. A soft target y is a mixture y L+ + (1 - y) L-,
    in which L- is corrected in the same way.

    Args:
        threshold: a negative whose score is higher counts as a positive.
        start_epoch: first epoch, counted from 0, in which labels are corrected.
        gamma: how fast the loss of easy elements fades.
        margin: what is subtracted from the logits of positives, in the loss only.
        hill: whether negatives have the Hill loss in place of the focal loss.
    """

    epoch: Tensor  # int64; a tensor, so that a new epoch does not compile the loss again

    def __init__(
        self,
        threshold: Annotated[float, Limits(above=0, high=1)] = 0.6,
        start_epoch: Annotated[int, Limits(low=0)] = 1,
        gamma: Annotated[float, Limits(low=0)] = 2.0,
        margin: Annotated[float, Limits(low=0)] = 1.0,
        hill: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.threshold, self.start_epoch = threshold, start_epoch
        self.gamma, self.margin, self.hill = gamma, margin, hill
        # Upstream builds the loss again in every epoch or step; the context knows the epoch.
        self.register_buffer("epoch", torch.tensor(context.epoch))

    def set_epoch(self, epoch: int) -> None:
        self.epoch.fill_(epoch)

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.epoch.device != logits.device:
            self.epoch = self.epoch.to(logits.device, non_blocking=True)
        positive = focal_margin(logits, self.gamma, self.margin)
        is_corrected = (logits.sigmoid() > self.threshold) & (self.epoch >= self.start_epoch)
        negative = torch.where(is_corrected, positive, self.negative(logits))
        return targets * positive + (1 - targets) * negative

    def negative(self, logits: Tensor) -> Tensor:
        """(N, C): the loss of elements that are negative."""
        if self.hill:
            return hill_of_negatives(logits, height=1.5)
        bce = F.softplus(logits)
        return focal_weights(bce, self.gamma) * bce
