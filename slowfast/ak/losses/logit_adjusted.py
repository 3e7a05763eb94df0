"""Logit-adjusted binary cross entropy."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor

from slowfast.ak.keys import Limits
from slowfast.ak.losses.counted import CountedLoss, prior_log_odds
from slowfast.ak.registries.losses import LOSSES


@LOSSES.register("logit_adjusted_bce", labels="many", needs_counts=True)
class LogitAdjustedBCE(CountedLoss):
    """BCE of logits to which the log-odds of their class are added: x + tau log(pi / (1 - pi)).

    Menon et al., "Long-Tail Learning via Logit Adjustment" (ICLR 2021), add tau log(pi) to the
    logits of a softmax. With several labels each class is a binary question, so that the prior
    enters its logit as log-odds. The network need not learn what the class frequencies explain,
    and the plain logits, which give the scores, do not favour frequent classes. pi_c = n_c / N;
    give num_clips (N) with class_counts.

    Args:
        tau: factor of the prior log-odds that are added to the logits of a class in training.
    """

    def __init__(self, tau: Annotated[float, Limits(low=0)] = 1.0, **shared: Any) -> None:
        super().__init__(**shared)
        self.tau = tau

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        counts = self.state.counts.to(logits.dtype)
        return logits + self.tau * prior_log_odds(counts, self.state.num_clips)
