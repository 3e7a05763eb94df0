"""Losses for clips with several labels and a long tail of classes: loss(logits, targets).

Each loss is one file, which registers it in `LOSSES` under the name that MODEL.LOSS_FUNC takes. The
configuration keys LOSS.<NAME>.<ARGUMENT> follow from its signature. An argument of type
``Union[str, Path]`` is a path, in which `~` and `$NAME` are expanded. To add a loss, add a file::

    @LOSSES.register("my_loss", labels="many", needs_counts=False)
    class MyLoss(MultiLabelLoss):
        \"\"\"What it computes.

        Args:
            sharpness: what the argument does.
        \"\"\"

        def __init__(self, sharpness: Annotated[float, Limits(low=0)] = 1.0, **shared):
            ...

base      arguments, checks, precision and reduction of all losses
counted   losses that use the number of training clips of each class
state     counts, epoch and step, and the context of losses that are built without them
from_cfg  building losses as a configuration says
"""

import sys

from slowfast.ak.losses.base import MultiLabelLoss, check_targets
from slowfast.ak.losses.counted import CountedLoss
from slowfast.ak.losses.from_cfg import (
    arguments_from_cfg,
    loss_builder,
    multi_label_losses,
    set_loss_context,
)
from slowfast.ak.losses.state import Context, LossState, context
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.registry import import_all

__all__ = [
    "LOSSES",
    "Context",
    "CountedLoss",
    "LossState",
    "MultiLabelLoss",
    "arguments_from_cfg",
    "check_targets",
    "context",
    "loss_builder",
    "multi_label_losses",
    "set_loss_context",
]

import_all(sys.modules[__name__])
