"""The average precision of each class on the training clips of the last epoch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slowfast.ak.metrics.average_precision import average_precision
from slowfast.utils import distributed

# Steps after which the scores go to the memory of the CPU, which waits for the device.
_STEPS_ON_DEVICE = 64


class RunningPrecision(nn.Module):
    """Collects the scores of an epoch, and computes the average precision (AP) of each class.

    All processes have the same state. The state dict has the scores of the epoch so far, so that a
    resumed run computes the same AP.

    Args:
        num_classes: C.

    Attributes:
        of_class: (C,) float32, AP of the last epoch in which a class had a positive clip among
            those that were added; 0 before.
    """

    of_class: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("of_class", torch.zeros(num_classes))
        self._parts: list[Tensor] = []  # of the step that is being made
        self._rows: list[Tensor] = []  # of the last steps: scores, labels, whether a row counts
        self._scores: list[Tensor] = []  # of the steps before, rows that count
        self._labels: list[Tensor] = []

    def begin_epoch(self) -> None:
        """Computes the AP of the clips that were added, and begins again without clips."""
        scores, labels = self._collected()
        self._parts, self._scores, self._labels = [], [], []
        if len(scores):
            found = torch.from_numpy(average_precision(scores.numpy(), labels.numpy())).float()
            found = found.to(self.of_class.device)
            self.of_class = torch.where(found.isnan(), self.of_class, found)

    def add(self, scores: Tensor, labels: Tensor, counts: Tensor) -> None:
        """Adds clips of a step, on their device.

        Args:
            scores: (N, C); higher means more likely. Clips of scores that are not finite are left
                out.
            labels: (N, C) booleans.
            counts: (N,) booleans, which of the clips count.
        """
        counts = counts & scores.isfinite().all(dim=1)
        self._parts.append(torch.cat([scores.detach(), labels, counts[:, None]], dim=1).float())

    def finish_step(self) -> None:
        """Exchanges the clips of a step between the processes. All of them call this."""
        if self._parts:
            self._rows += distributed.all_gather([torch.cat(self._parts)])
            self._parts = []
        if len(self._rows) >= _STEPS_ON_DEVICE:
            self._move_rows()

    def _move_rows(self) -> None:
        """Moves the rows that count to the memory of the CPU."""
        if self._rows:
            rows = torch.cat(self._rows).cpu()
            rows = rows[rows[:, -1] == 1]
            self._scores.append(rows[:, : len(self.of_class)].clone())
            self._labels.append(rows[:, len(self.of_class) : -1] == 1)
            self._rows = []

    def _collected(self) -> tuple[Tensor, Tensor]:
        """(R, C) scores and (R, C) labels of the clips that count, on the CPU."""
        self._move_rows()
        none = torch.zeros(0, len(self.of_class))
        return torch.cat([none, *self._scores]), torch.cat([none.bool(), *self._labels])

    def get_extra_state(self) -> dict[str, Any]:
        """The clips of the epoch so far."""
        scores, labels = self._collected()
        return {"scores": scores, "labels": labels}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_extra_state` returned."""
        self._parts, self._rows = [], []
        self._scores, self._labels = [state["scores"].cpu()], [state["labels"].cpu()]
