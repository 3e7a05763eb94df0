"""Top-k accuracies and errors of clips with one class each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
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


def accuracy(scores: np.ndarray, classes: np.ndarray, k: int) -> float:
    """Returns the fraction of clips whose class is among the k best scores; 0 without clips."""
    return float(_correct(scores, classes, k)) / max(1, len(scores))


def error(scores: np.ndarray, classes: np.ndarray, k: int) -> float:
    """Returns the per cent of clips whose class is not among the k best scores."""
    return float(100 - _correct(scores, classes, k) * (100 / len(scores)))


def _correct(scores: np.ndarray, classes: np.ndarray, k: int) -> torch.Tensor:
    import torch

    return topks_correct(torch.as_tensor(scores), torch.as_tensor(classes), (k,))[0]


def _register(k: int) -> None:
    """Registers the error of evaluations, ``top<k>_err``, and the accuracy of tests."""
    METRICS.register(
        f"top{k}_err",
        labels="one",
        reported="evaluations",
        unit="per cent",
        higher_is_better=False,
        title=f"top-{k} error",
    )(partial(error, k=k))
    METRICS.register(
        f"top{k}_acc", labels="one", reported="tests", title=f"top-{k}", column=f"top-{k} %"
    )(partial(accuracy, k=k))


for _k in (1, 5):
    _register(_k)
