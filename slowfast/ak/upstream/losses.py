"""The losses of slowfast.ak among those that MODEL.LOSS_FUNC of an upstream checkout may name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slowfast.ak.losses import LOSSES

logger = logging.getLogger(__name__)


def add_losses(losses: dict[str, Callable[..., Any]]) -> None:
    """Add the losses to the checkout's table. A name that it has already keeps its meaning."""
    for name, build in LOSSES.items():
        if losses.setdefault(name, build) is not build:
            logger.info(f"MODEL.LOSS_FUNC {name}: {words_on_own(name)}")


def is_own(name: str) -> bool:
    """Whether a name of ours means another loss in this checkout."""
    from slowfast.models.losses import get_loss_func

    return name in LOSSES and get_loss_func(name) is not LOSSES[name]


def words_on_own(name: str) -> str:
    return (
        "is a loss of this checkout's own, which stays; that of slowfast.ak is not used. To use "
        f"it, take {name!r} out of _LOSSES in slowfast/models/losses.py."
    )
