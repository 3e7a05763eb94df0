"""What all losses for clips of many labels share: arguments, checks, precision, reduction.

A loss sees C yes-or-no questions for each of N clips. Nearly all published ones are binary cross
entropy between logits that were moved and elements that are weighted, so a loss states those two
alone: `move` and `weigh`. Nothing in them depends on a tensor's value in Python: a loss never makes
the CPU wait for the device, and compiles in one piece.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError

REDUCTIONS = ("mean", "sum", "none")


class MultiLabelLoss(nn.Module):
    """Binary cross entropy, with places to move the logits and to weigh the elements.

    Args:
        reduction: mean (over all N x C elements), sum, or none, which gives (N, C).
        reduce: the old spelling, which wins where given: one of these words, or True for mean and
            False for none.
        logits: whether the first input of a call holds logits; False: probabilities, which are
            taken back to logits. Those nearer to 0 or 1 than the smallest step of their precision
            count as one step away.

    Raises:
        UserError: for another reduction.
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
        """The loss: float32, or float64 for float64 logits, whatever mixed precision asks for.

        Args:
            logits: (N, C) of any floating type.
            targets: (N, C) from 0 to 1 of any real type; between the two where labels are soft.

        Raises:
            UserError: for other shapes or types; and for other values where they are on the CPU.
                On a device looking would mean waiting: give `check_targets` what is sent there.
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
        """(N, C): the loss of each element."""
        moved = self.move(logits, targets)
        bce = F.binary_cross_entropy_with_logits(moved, targets, reduction="none")
        return self.weigh(bce, targets)

    def move(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(N, C): the logits that are compared with the targets."""
        return logits

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        """(N, C): the binary cross entropy of each element, by its weight."""
        return bce

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch, counted from 0. Most losses are the same in all of them."""

    def reset_epoch(self, epoch: int) -> None:
        """VideoLT's name of `set_epoch`."""
        self.set_epoch(epoch)


def check_shapes(logits: Tensor, targets: Tensor) -> None:
    """Raise UserError unless both are (N, C), the one floating, the other real."""
    if logits.ndim != 2 or not logits.is_floating_point():
        raise UserError(
            f"logits: expected floating-point numbers (clips, classes), found {_kind(logits)}."
        )
    if targets.shape != logits.shape or targets.is_complex():
        raise UserError(
            f"targets: expected 0 to 1 for each of {tuple(logits.shape)} (clips, classes), found "
            f"{_kind(targets)}. Class numbers, one a clip, are for cross_entropy."
        )


def check_targets(targets: Tensor) -> None:
    """Raise UserError, with the place, unless all targets (N, C) lie in 0 to 1.

    Meant for the CPU; on a device it waits for that.
    """
    # NaN fails both comparisons.
    wrong = ~((targets >= 0) & (targets <= 1))
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        raise UserError(
            f"targets: expected values from 0 to 1, found {targets[tuple(place)].item()} at "
            f"{place} (clip of the batch, class). Correct what the data set gives as labels."
        )


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
