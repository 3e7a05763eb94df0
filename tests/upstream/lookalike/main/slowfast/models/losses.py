"""Losses by name."""

from functools import partial

from pytorchvideo.losses.soft_target_cross_entropy import SoftTargetCrossEntropyLoss
from torch import nn

_LOSSES = {
    "bce": nn.BCELoss,
    "bce_logit": nn.BCEWithLogitsLoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "soft_cross_entropy": partial(SoftTargetCrossEntropyLoss, normalize_targets=False),
}


def get_loss_func(loss_name):
    if loss_name in _LOSSES:
        return _LOSSES[loss_name]
    raise NotImplementedError(f"there is no loss {loss_name}")
