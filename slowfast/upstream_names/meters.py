"""`slowfast.utils.meters` and `metrics`: the meters of the loops, and plain ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import fmean, median
from time import perf_counter

import torch
from torch import Tensor

from slowfast.ak.metrics.top_k import topk_accuracies as topk_accuracies
from slowfast.ak.metrics.top_k import topk_errors as topk_errors
from slowfast.ak.metrics.top_k import topks_correct as topks_correct
from slowfast.engine.meters import TestMeter as TestMeter
from slowfast.engine.meters import TrainMeter as TrainMeter
from slowfast.engine.meters import ValMeter as ValMeter
from slowfast.engine.meters import get_map as get_map


def multitask_topks_correct(
    preds: Sequence[Tensor], labels: Sequence[Tensor], ks: Sequence[int] = (1,)
) -> list[Tensor]:
    """Returns the number of clips of which every task has its class among the k best, for each k.

    Args:
        preds: for each task, scores (N, C).
        labels: for each task, classes (N,).
    """
    counts = []
    for k in ks:
        hits = [
            (scores.topk(min(k, scores.shape[1]), dim=1).indices == classes[:, None]).any(dim=1)
            for scores, classes in zip(preds, labels, strict=True)
        ]
        counts.append(torch.stack(hits).all(dim=0).sum().float())
    return counts


class ScalarMeter:
    """A series of numbers: statistics of the last `window_size` numbers, and the mean of all."""

    def __init__(self, window_size: int) -> None:
        self._recent: deque[float] = deque(maxlen=window_size)
        self.reset()

    def reset(self) -> None:
        """Forgets all numbers."""
        self._recent.clear()
        self._total, self._count = 0.0, 0

    def add_value(self, value: float) -> None:
        """Adds a number."""
        self._recent.append(value)
        self._total += value
        self._count += 1

    def get_win_median(self) -> float:
        """The median of the last numbers."""
        return median(self._recent)

    def get_current_value(self) -> float:
        """The last number."""
        return self._recent[-1]

    def get_win_avg(self) -> float:
        """The mean of the last numbers."""
        return fmean(self._recent)

    def get_global_avg(self) -> float:
        """The mean of all numbers."""
        return self._total / self._count


class ListMeter:
    """Several series of numbers, which grow together."""

    def __init__(self, list_size: int) -> None:
        self._size = list_size
        self.reset()

    def reset(self) -> None:
        """Forgets all numbers."""
        self._meters = [ScalarMeter(1) for _ in range(self._size)]

    def add_value(self, value: Sequence[float]) -> None:
        """Adds a number to each series."""
        for meter, number in zip(self._meters, value, strict=True):
            meter.add_value(number)

    def get_value(self) -> list[float]:
        """The last number of each series."""
        return [meter.get_current_value() for meter in self._meters]

    def get_global_avg(self) -> list[float]:
        """The mean of each series."""
        return [meter.get_global_avg() for meter in self._meters]


class EpochTimer:
    """Times epochs, in seconds."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all epochs."""
        self._began, self._times = perf_counter(), []

    def epoch_tic(self) -> None:
        """Marks the start of an epoch."""
        self._began = perf_counter()

    def epoch_toc(self) -> None:
        """Marks the end of an epoch."""
        self._times.append(perf_counter() - self._began)

    def last_epoch_time(self) -> float:
        """The time of the last epoch."""
        return self._times[-1]

    def avg_epoch_time(self) -> float:
        """The mean time of an epoch."""
        return fmean(self._times)

    def median_epoch_time(self) -> float:
        """The median time of an epoch."""
        return median(self._times)
