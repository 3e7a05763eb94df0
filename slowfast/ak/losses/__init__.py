"""Losses for clips of many labels, few of them frequent; all are called as loss(logits, targets).

`LOSSES` has them by the names that MODEL.LOSS_FUNC takes, `arguments_from_cfg` what a configuration
says of them, and `context` what those are told that are built without class counts.
"""

from __future__ import annotations

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

LOSSES: dict[str, type[MultiLabelLoss]] = {
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


def arguments_from_cfg(cfg, name: str) -> dict[str, Any]:
    """The keys of LOSS.<NAME>, in small letters: arguments of the loss of that name."""
    node = cfg.LOSS.get(name.upper(), {})
    return {key.lower(): value for key, value in node.items()}
