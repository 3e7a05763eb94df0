"""Losses for clips of many labels, few of them frequent; all are called as loss(logits, targets).

`LOSSES` has what builds them by the names that MODEL.LOSS_FUNC takes, `arguments_from_cfg` what a
configuration says of them, and `context` what those are told that are built without it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from slowfast.ak.losses.base import MultiLabelLoss, check_targets
from slowfast.ak.losses.counted import CountedLoss
from slowfast.ak.losses.eql import EQL
from slowfast.ak.losses.plain import AsymmetricLoss, BCELoss, FocalLoss
from slowfast.ak.losses.shifted import LDAM, LogitAdjustedBCE
from slowfast.ak.losses.state import Context, LossState, context
from slowfast.ak.losses.weighted import (
    ClassBalancedBCE,
    ClassBalancedFocal,
    DistributionBalancedLoss,
)

__all__ = [
    "EQL",
    "LDAM",
    "LOSSES",
    "AsymmetricLoss",
    "BCELoss",
    "ClassBalancedBCE",
    "ClassBalancedFocal",
    "Context",
    "CountedLoss",
    "DistributionBalancedLoss",
    "FocalLoss",
    "LogitAdjustedBCE",
    "LossState",
    "MultiLabelLoss",
    "arguments_from_cfg",
    "check_targets",
    "context",
]

_CLASSES: dict[str, type[MultiLabelLoss]] = {
    "bce_loss": BCELoss,
    "focal_loss": FocalLoss,
    "LDAM": LDAM,
    "EQL": EQL,
    "class_balanced_bce": ClassBalancedBCE,
    "class_balanced_focal": ClassBalancedFocal,
    "asymmetric_loss": AsymmetricLoss,
    "distribution_balanced": DistributionBalancedLoss,
    "logit_adjusted_bce": LogitAdjustedBCE,
}


def _builder(name: str) -> Callable[..., MultiLabelLoss]:
    """Builds the loss of a name; what is not given is as the context has it, else the default."""

    @functools.wraps(_CLASSES[name], updated=())
    def build(**arguments: Any) -> MultiLabelLoss:
        return _CLASSES[name](**{**context.arguments(name), **arguments})

    return build


LOSSES: dict[str, Callable[..., MultiLabelLoss]] = {name: _builder(name) for name in _CLASSES}


def arguments_from_cfg(cfg, name: str) -> dict[str, Any]:
    """The keys of LOSS.<NAME>, in small letters: arguments of the loss of that name."""
    node = cfg.LOSS.get(name.upper(), {})
    return {key.lower(): value for key, value in node.items()}
