"""Top-k accuracies and errors of clips with one class each.

Micro is the share of clips whose class is among the k highest scores. Macro is the mean of this
share over the classes that have a test clip, so that each class counts the same. Top-1 macro is
also called the mean class accuracy, or balanced accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from slowfast.ak.metrics.ranks import Ranks
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
    """Returns the fraction of clips whose class is among the k best scores; nan without clips."""
    return micro(Ranks.of(scores, classes), k)


def micro(ranks: Ranks, k: int) -> float:
    """Returns the fraction of clips whose class is among the k best scores; nan without clips."""
    return float((ranks.places < k).mean()) if len(ranks.places) else float("nan")


def macro(ranks: Ranks, k: int) -> np.ndarray:
    """Returns the same for the clips of each class, (C,); nan for a class without a clip."""
    return ranks.mean_by_class(ranks.places < k)


def error(ranks: Ranks, k: int) -> float:
    """Returns the per cent of clips whose class is not among the k best scores."""
    return 100 * (1 - micro(ranks, k))


def resampled_micro(ranks: Ranks, weights: np.ndarray, k: int) -> np.ndarray:
    """Returns `micro` in each resample, (R,); nan for a resample without a clip."""
    drawn, true = (sums.sum(axis=1) for sums in ranks.drawn_by_class(ranks.places < k, weights))
    return np.divide(true, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)


def resampled_macro(ranks: Ranks, weights: np.ndarray, k: int) -> np.ndarray:
    """Returns `macro` in each resample, (R, C); nan for a class that was not drawn."""
    drawn, true = ranks.drawn_by_class(ranks.places < k, weights)
    return np.divide(true, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)


def _chance_micro(ranks: Ranks, k: int) -> float:
    """The share of clips whose class is among k classes that were drawn at random."""
    share = math.prod(min(1.0, k / size) for size in ranks.sizes or (ranks.count,))
    return share if len(ranks.classes) else float("nan")


def _chance_macro(ranks: Ranks, k: int) -> np.ndarray:
    return np.where(ranks.positives > 0, _chance_micro(ranks, k), np.nan)


def _register_error(k: int) -> None:
    """Registers the error of evaluations, ``top<k>_err``, as upstream logs it."""
    METRICS.register(
        f"top{k}_err",
        labels="one",
        reported="evaluations",
        takes="ranks",
        unit="per cent",
        higher_is_better=False,
        title=f"top-{k} error",
    )(partial(error, k=k))


def _register_micro(k: int, column: str = "", reported: str = "tests") -> None:
    """Registers ``top<k>_micro``, the accuracy over clips."""
    METRICS.register(
        f"top{k}_micro",
        labels="one each",
        reported=reported,
        takes="ranks",
        title=f"top-{k} accuracy",
        heading=f"Top-{k} accuracy",
        explanation="share of the clips",
        column=column,
        quantity="accuracy",
        chance=partial(_chance_micro, k=k),
        resampled=partial(resampled_micro, k=k),
        also_logged_as=(f"top{k}_acc",),
    )(partial(micro, k=k))


def _register_macro(k: int, class_column: str, **facts: Any) -> None:
    """Registers ``top<k>_macro``, the mean over classes of the accuracy of their clips."""
    METRICS.register(
        f"top{k}_macro",
        labels="one each",
        takes="ranks",
        title=f"macro top-{k} accuracy",
        heading=f"Top-{k} accuracy",
        explanation="mean over classes",
        quantity="accuracy",
        class_column=class_column,
        chance=partial(_chance_macro, k=k),
        resampled=partial(resampled_macro, k=k),
        **{"reported": "tests", **facts},
    )(partial(macro, k=k))


_register_error(1)
_register_error(5)
_register_micro(1, column="top-1", reported="always")
_register_micro(5, column="top-5")
_register_macro(
    1, "recall", class_title="recall", column="macro", reported="always", by_segment=True
)
_register_micro(3)
_register_macro(3, "top-3", class_title="top-3 accuracy")
_register_macro(5, "top-5", class_title="top-5 accuracy")
