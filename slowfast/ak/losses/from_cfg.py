"""Losses from a configuration: their arguments, and the context of losses that are built later."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from slowfast.ak.classes.counts import class_counts_from_cfg
from slowfast.ak.errors import UserError
from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.losses.state import LossState, context
from slowfast.ak.registries.losses import LOSSES

logger = logging.getLogger(__name__)


def arguments_from_cfg(cfg, name: str) -> dict[str, Any]:
    """The arguments of a loss: the keys LOSS.<NAME>.* in lower case."""
    group = cfg.LOSS.get(name.upper(), {})
    return {key.lower(): value for key, value in group.items()}


def set_loss_context(cfg, rank: int = 0, class_counts: Sequence[float] | None = None) -> None:
    """Sets class counts, seed, rank and arguments of losses that are built without them.

    Such a loss may be part of another loss, or may be built again in each iteration, as in
    upstream. Counts are computed when a loss first needs them.

    Args:
        rank: rank of this process, so that each process draws its own random numbers.
        class_counts: clips of each class; None: as LOSS.CLASS_COUNTS says.
    """

    def state() -> LossState:
        if class_counts is None:
            counts, num_clips, source = class_counts_from_cfg(cfg)
            logger.info(f"Clips of each class: {source}.")
        else:
            counts, num_clips = class_counts, None
        if len(counts) != cfg.MODEL.NUM_CLASSES:
            raise UserError(
                f"class_counts: found {len(counts)} numbers, expected {cfg.MODEL.NUM_CLASSES}, one "
                "for each class; correct MODEL.NUM_CLASSES or the counts."
            )
        return LossState(counts, num_clips, cfg.RNG_SEED, rank)

    context.set(state, functools.partial(arguments_from_cfg, cfg))


def loss_builder(name: str) -> Callable[..., nn.Module]:
    """Returns a function that builds a loss by its name. The context adds missing arguments.

    Raises:
        UserError: there is no such loss; the text names the nearest ones.
    """
    return _builder(name, LOSSES.get(name))


@functools.cache
def _builder(name: str, entry: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    @functools.wraps(entry, updated=())
    def build(*given: Any, **arguments: Any) -> nn.Module:
        return entry(*given, **{**context.arguments(name), **arguments})

    return build


def multi_label_losses() -> dict[str, Callable[..., MultiLabelLoss]]:
    """Builders of the losses of this project by name, without the losses of torch."""
    return {
        name: loss_builder(name)
        for name, entry in LOSSES.items()
        if isinstance(entry, type) and issubclass(entry, MultiLabelLoss)
    }
