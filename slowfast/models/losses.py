"""Loss functions by the name that MODEL.LOSS_FUNC gives them.

``get_loss_func(name)(reduction="mean")`` builds one. ``_LOSSES`` is a plain dict: an entry added to
it is a loss that can be configured.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

import torch
from torch import nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError


class BCELoss(nn.BCEWithLogitsLoss):
    """Binary cross entropy of logits (N, C) and multi-hot targets (N, C), over N x C elements.

    Args:
        reduction: mean, sum or none.
        reduce: the old spelling, which wins where given: one of these words, or True for mean and
            False for none.
    """

    def __init__(self, reduction: str = "mean", reduce: str | bool | None = None) -> None:
        if isinstance(reduce, bool):
            reduce = "mean" if reduce else "none"
        super().__init__(reduction=reduction if reduce is None else reduce)


class ContrastiveLoss(nn.Module):
    """InfoNCE (van den Oord et al., 2018) of similarities (N, 1 + K) whose first is the match."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(
        self, similarities: torch.Tensor, targets: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``targets`` is not looked at: the match stands first in every row."""
        first = similarities.new_zeros(len(similarities), dtype=torch.long)
        return F.cross_entropy(similarities, first, reduction=self.reduction)


class MultipleMSELoss(nn.Module):
    """Mean squared errors of several predictions, added up."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(
        self,
        predictions: Iterable[torch.Tensor],
        targets: Iterable[torch.Tensor | tuple[torch.Tensor, float]],
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Targets may come as (target, weight). Returns the weighted sum, and its terms."""
        terms = []
        for prediction, target in zip(predictions, targets, strict=True):
            target, weight = target if isinstance(target, tuple) else (target, 1.0)
            terms.append(weight * F.mse_loss(prediction, target, reduction=self.reduction))
        return torch.stack(terms).sum(dim=0), terms


_LOSSES: dict[str, Callable[..., nn.Module]] = {
    "cross_entropy": nn.CrossEntropyLoss,
    # Takes a distribution over classes (N, C) as well as an index (N,), as torch's own does.
    "soft_cross_entropy": nn.CrossEntropyLoss,
    "bce": nn.BCELoss,
    "bce_logit": nn.BCEWithLogitsLoss,
    "bce_loss": BCELoss,
    "contrastive_loss": ContrastiveLoss,
    "mse": nn.MSELoss,
    "multi_mse": MultipleMSELoss,
}


def get_loss_func(loss_name: str) -> Callable[..., nn.Module]:
    """What builds the loss of that name when called, as in ``get_loss_func(x)(reduction="mean")``.

    Raises:
        UserError: there is none; its text names the nearest ones.
    """
    if loss_name in _LOSSES:
        return _LOSSES[loss_name]
    near = get_close_matches(loss_name, _LOSSES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_LOSSES)}."
    raise UserError(f"MODEL.LOSS_FUNC: there is no loss {loss_name!r}; {hint}")
