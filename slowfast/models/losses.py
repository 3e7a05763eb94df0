"""Loss functions by the name in MODEL.LOSS_FUNC.

``get_loss_func(name)(reduction="mean")`` builds a loss, ``build_loss(cfg)`` the configured one.
``_LOSSES`` is the registry of losses. A program can add a loss as to a dict; a configuration can
then name it, and the keys LOSS.<NAME>.* are its arguments. The losses are in
``slowfast.ak.losses``.
"""

from collections.abc import Callable, Sequence

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.losses import (
    LOSSES,
    arguments_from_cfg,
    context,
    loss_builder,
    set_loss_context,
)
from slowfast.utils import distributed

_LOSSES = LOSSES


def get_loss_func(loss_name: str) -> Callable[..., nn.Module]:
    """Returns the builder of a loss, as in ``get_loss_func(name)(reduction="mean")``.

    Raises:
        UserError: there is no such loss; the text names the nearest ones.
    """
    return loss_builder(loss_name)


def build_loss(cfg: CfgNode, class_counts: Sequence[float] | None = None) -> nn.Module:
    """The loss MODEL.LOSS_FUNC, with mean reduction and the arguments from LOSS.

    Class counts and arguments also become the context of ``slowfast.ak.losses``, for losses that
    are built later without them.

    Args:
        class_counts: clips of each class; None: as LOSS.CLASS_COUNTS says.

    Raises:
        UserError: there is no such loss, or it needs counts and none can be found.
    """
    name = cfg.MODEL.LOSS_FUNC
    set_loss_context(cfg, distributed.get_rank(), class_counts)
    return get_loss_func(name)(reduction="mean", **arguments_from_cfg(cfg, name))


def set_loss_epoch(loss_function: nn.Module, epoch: int) -> None:
    """Starts an epoch, counted from 0, in the context and in a loss with ``set_epoch``."""
    context.set_epoch(epoch)
    if hasattr(loss_function, "set_epoch"):
        loss_function.set_epoch(epoch)
