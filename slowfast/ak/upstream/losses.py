"""Adds the losses of slowfast.ak to the losses that MODEL.LOSS_FUNC of a checkout can name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slowfast.ak.losses import multi_label_losses

logger = logging.getLogger(__name__)


def add_losses(losses: dict[str, Callable[..., Any]]) -> None:
    """Adds the losses to the checkout's table. A name that the table has keeps its meaning."""
    for name, build in multi_label_losses().items():
        if losses.setdefault(name, build) is not build:
            logger.info(f"MODEL.LOSS_FUNC {name}: {explanation_of_name_clash(name)}")


def is_checkouts_own(name: str) -> bool:
    """Returns whether the name of a loss of slowfast.ak means another loss in this checkout."""
    from slowfast.models.losses import get_loss_func

    ours = multi_label_losses()
    return name in ours and get_loss_func(name) is not ours[name]


def explanation_of_name_clash(name: str) -> str:
    """Returns what happens, and what to do, if checkout and slowfast.ak share a loss's name."""
    return (
        "this checkout has its own loss of this name, which is used; the one of slowfast.ak is "
        f"not. To use the latter, take {name!r} out of _LOSSES in slowfast/models/losses.py."
    )
