"""Top-k accuracies and errors of clips with one class each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from slowfast.ak.registries.metrics import METRICS

if TYPE_CHECKING:
    import torch  # not imported at run time, so that the report tool starts without torch


def topks_correct(
    preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]
) -> list[torch.Tensor]:
    """Returns the number of clips whose class is among the k best scores, for each k.

    The counts stay on the device, so that nothing waits for it.

    Args:
        preds: (N, C) scores.
        labels: (N,) class indices.
        ks: a k above C counts as C.

    Returns:
        A float scalar tensor for each k.
    """
    if preds.ndim != 2 or labels.shape != preds.shape[:1]:
        raise ValueError(
            f"scores {tuple(preds.shape)} and labels {tuple(labels.shape)} are not (N, C) and (N,)"
        )
    best = preds.topk(min(max(ks), preds.shape[1]), dim=1).indices
    hits = best == labels[:, None]
    return [hits[:, :k].sum().float() for k in ks]


def topk_errors(preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]) -> list[torch.Tensor]:
    """Returns the per cent of clips whose class is not among the k best scores, for each k."""
    return [100 - accuracy for accuracy in topk_accuracies(preds, labels, ks)]


def topk_accuracies(
    preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]
) -> list[torch.Tensor]:
    """Returns the per cent of clips whose class is among the k best scores, for each k."""
    return [correct * (100 / len(preds)) for correct in topks_correct(preds, labels, ks)]


def _correct(scores: np.ndarray, classes: np.ndarray, k: int) -> torch.Tensor:
    import torch

    (correct,) = topks_correct(torch.as_tensor(scores), torch.as_tensor(classes), (k,))
    return correct


def accuracy(scores: np.ndarray, classes: np.ndarray, k: int) -> float:
    """Returns the fraction of clips whose class is among the k best scores; 0 without clips."""
    return float(_correct(scores, classes, k)) / max(1, len(scores))


def _error(scores: np.ndarray, classes: np.ndarray, k: int) -> float:
    return float(100 - _correct(scores, classes, k) * (100 / len(scores)))


@METRICS.register(
    "top1_err",
    labels="one",
    reported="evaluations",
    unit="per cent",
    higher_is_better=False,
    title="top-1 error",
    chooses_best=True,
)
def top1_error(scores: np.ndarray, classes: np.ndarray) -> float:
    """Returns the per cent of clips (N, C) whose class (N,) does not have the best score."""
    return _error(scores, classes, 1)


@METRICS.register(
    "top5_err",
    labels="one",
    reported="evaluations",
    unit="per cent",
    higher_is_better=False,
    title="top-5 error",
)
def top5_error(scores: np.ndarray, classes: np.ndarray) -> float:
    """Returns the per cent of clips (N, C) whose class (N,) is not among the 5 best scores."""
    return _error(scores, classes, 5)


@METRICS.register(
    "top1_acc", labels="one", reported="tests", title="top-1 accuracy", column="top-1 %"
)
def top1_accuracy(scores: np.ndarray, classes: np.ndarray) -> float:
    """Returns the fraction of clips (N, C) whose class (N,) has the best score."""
    return accuracy(scores, classes, 1)


@METRICS.register(
    "top5_acc", labels="one", reported="tests", title="top-5 accuracy", column="top-5 %"
)
def top5_accuracy(scores: np.ndarray, classes: np.ndarray) -> float:
    """Returns the fraction of clips (N, C) whose class (N,) is among the 5 best scores."""
    return accuracy(scores, classes, 5)
