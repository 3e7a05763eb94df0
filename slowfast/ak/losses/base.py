"""The base of all losses for clips with several labels: arguments, checks, precision, reduction.

A loss sees C binary questions for each of N clips. Nearly all published ones are a binary cross
entropy of changed logits with weighted elements, so a loss defines these two only: `move` and
`weigh`. No Python code depends on the value of a tensor, so that a loss never makes the CPU wait
for the device, and compiles in one piece.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError

REDUCTIONS = ("mean", "sum", "none")


class MultiLabelLoss(nn.Module):
    """Binary cross entropy; subclasses change the logits and weight the elements.

    Args:
        reduction: mean (over all N x C elements), sum, or none, which returns (N, C). A loss that
            has one value for a clip takes the mean over the N clips, and none returns (N,).
        reduce: the old name of `reduction`, which it overrides: one of these words, or True for
            mean and False for none.
        logits: whether the first argument of a call holds logits; False: probabilities, which are
            converted to logits. They are kept away from 0 and 1 by the smallest step of their
            precision.

    Raises:
        UserError: the reduction is unknown.
    """

    def __init__(
        self, reduction: str = "mean", reduce: str | bool | None = None, logits: bool = True
    ) -> None:
        super().__init__()
        if reduce is not None:
            reduction = ("mean" if reduce else "none") if isinstance(reduce, bool) else reduce
        if reduction not in REDUCTIONS:
            raise UserError(f"reduction: expected {', '.join(REDUCTIONS)}; found {reduction!r}.")
        self.reduction = reduction
        self.takes_logits = logits

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss, in float32 (float64 for float64 logits), also under mixed precision.

        Args:
            logits: (N, C) of any floating type.
            targets: (N, C) from 0 to 1 of any real type; soft labels lie between the two.

        Raises:
            UserError: shapes or types are wrong, or targets on the CPU have other values. Values
                on a device are not checked, because that would wait for it; pass targets to
                `check_targets` before they are sent there.
        """
        check_shapes(logits, targets)
        if targets.device.type == "cpu" and not torch.compiler.is_compiling():
            check_targets(targets)
        # Half precision overflows at 65504, which a scale of 30 reaches.
        logits = logits if logits.dtype == torch.float64 else logits.float()
        targets = targets.to(logits.dtype)
        if not self.takes_logits:
            logits = torch.logit(logits, eps=torch.finfo(logits.dtype).eps)
        elements = self.elements(logits, targets)
        if self.reduction == "none":
            return elements
        return elements.mean() if self.reduction == "mean" else elements.sum()

    def elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(N, C): the loss of each element; or (N,), the loss of each clip."""
        moved = self.move(logits, targets)
        bce = F.binary_cross_entropy_with_logits(moved, targets, reduction="none")
        return self.weigh(bce, targets)

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(N, C): the changed logits, which are compared with the targets."""
        return logits

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        """(N, C): the weighted binary cross entropy of each element."""
        return bce

    def set_epoch(self, epoch: int) -> None:
        """Starts an epoch, counted from 0. Most losses do not depend on the epoch."""

    def reset_epoch(self, epoch: int) -> None:
        """The same as `set_epoch`, under VideoLT's name."""
        self.set_epoch(epoch)


def check_shapes(logits: Tensor, targets: Tensor) -> None:
    """Raises UserError unless both are (N, C), logits of a floating and targets of a real type."""
    if logits.ndim != 2 or not logits.is_floating_point():
        raise UserError(
            f"logits: expected floating-point numbers (clips, classes), found {_kind(logits)}."
        )
    if targets.shape != logits.shape or targets.is_complex():
        raise UserError(
            f"targets: expected 0 to 1 for each of {tuple(logits.shape)} (clips, classes), found "
            f"{_kind(targets)}. One class number for each clip is for cross_entropy."
        )


def check_targets(targets: Tensor) -> None:
    """Raises UserError, with the place, unless all targets (N, C) are from 0 to 1.

    Use it on the CPU; for targets on a device it waits for the device.
    """
    # NaN fails both comparisons.
    wrong = ~((targets >= 0) & (targets <= 1))
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        raise UserError(
            f"targets: expected values from 0 to 1, found {targets[tuple(place)].item()} at "
            f"{place} (clip of the batch, class). Correct the labels of the data set."
        )


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
