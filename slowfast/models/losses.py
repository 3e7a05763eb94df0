"""Loss functions by the name that MODEL.LOSS_FUNC gives them.

``get_loss_func(name)(reduction="mean")`` builds one, ``build_loss(cfg)`` the configured one.
``_LOSSES`` is a plain dict: an entry added to it is a loss that can be configured, with the keys of
LOSS.<NAME>, where there are any, as arguments. Those for many labels stand in ``slowfast.ak``.
"""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn import functional as F

from slowfast.ak.classes.counts import set_loss_context
from slowfast.ak.errors import UserError
from slowfast.ak.losses import LOSSES, arguments_from_cfg, context
from slowfast.utils import distributed


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
    "contrastive_loss": ContrastiveLoss,
    "mse": nn.MSELoss,
    "multi_mse": MultipleMSELoss,
    **LOSSES,
}


def get_loss_func(loss_name: str) -> Callable[..., nn.Module]:
    """What builds the loss of that name when called, as in ``get_loss_func(x)(reduction="mean")``.

    Raises:
        UserError: there is none; its text names the nearest ones.
    """
    if loss_name in _LOSSES:
        return _LOSSES[loss_name]
    names = {name.lower(): name for name in _LOSSES}
    near = [names[n] for n in get_close_matches(loss_name.lower(), names, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_LOSSES)}."
    raise UserError(f"MODEL.LOSS_FUNC: there is no loss {loss_name!r}; {hint}")


def build_loss(cfg: CfgNode, class_counts: Sequence[float] | None = None) -> nn.Module:
    """The loss MODEL.LOSS_FUNC, mean over elements, with the arguments that LOSS gives it.

    Class counts and arguments become the context of ``slowfast.ak.losses``, too, for losses that
    are built afterwards without them.

    Args:
        class_counts: clips of each class; None: as LOSS.CLASS_COUNTS says.

    Raises:
        UserError: there is no such loss, or it needs counts and there are none that fit.
    """
    name = cfg.MODEL.LOSS_FUNC
    set_loss_context(cfg, distributed.get_rank(), class_counts)
    return get_loss_func(name)(reduction="mean", **arguments_from_cfg(cfg, name))


def set_loss_epoch(loss_function: nn.Module, epoch: int) -> None:
    """Begin an epoch, counted from 0, for the context and for a loss that goes by epochs."""
    context.set_epoch(epoch)
    if hasattr(loss_function, "set_epoch"):
        loss_function.set_epoch(epoch)
