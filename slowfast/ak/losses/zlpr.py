"""The zero-bounded log-sum-exp and pairwise rank-based loss (ZLPR)."""

from __future__ import annotations

import torch
from torch import Tensor

from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.registries.losses import LOSSES


@LOSSES.register("zlpr", labels="many", needs_counts=False)
class ZLPR(MultiLabelLoss):
    """A loss that ranks the positives of a clip above 0 and its negatives below 0: Su et al.,
    "ZLPR: A Novel Loss for Multi-label Classification" (2022).

    log(1 + sum over positives of e^-x) + log(1 + sum over negatives of e^x), one value for a clip.
    Unlike a sum of binary losses it is led by the worst positive and the worst negative of a clip,
    so that many easy negatives do not outweigh a few positives. A soft target y has the share y in
    the first sum and 1 - y in the second.

    The reduction mean is over N clips, and none returns (N,).
    """

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        # The logarithm of a share of 0 is -inf, which adds nothing to a sum and has no gradient.
        return _log_one_plus_sum(targets.log() - logits) + _log_one_plus_sum(
            (1 - targets).log() + logits
        )


def _log_one_plus_sum(exponents: Tensor) -> Tensor:
    """(N,): log(1 + sum of e^x over the classes), for exponents (N, C)."""
    zero = torch.zeros_like(exponents[:, :1])
    return torch.cat([zero, exponents], dim=1).logsumexp(dim=1)
