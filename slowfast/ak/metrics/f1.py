"""F1, once a threshold decides which classes a clip is predicted to have.

A class is predicted where its score reaches the threshold. F1 is 2 TP / (predicted + true), equal
to scikit-learn's ``f1_score``. The best threshold is chosen on the clips on which F1 is then
measured, so ``best_f1`` is optimistic.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.inputs import checked, clips_above, pooled
from slowfast.ak.registries.metrics import METRICS

_OPTIMISTIC = "found on these very clips, and so optimistic"


@METRICS.register(
    "f1_macro",
    takes="probabilities",
    title="F1 macro, threshold 0.5",
    heading="F1",
    explanation="mean over classes, threshold 0.5",
)
def f1_at(scores: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Returns the F1 of each class at one threshold.

    Args:
        scores: (N, C).
        labels: (N, C) of 0 and 1.

    Returns:
        (C,) float64 in 0..1, nan for a class without a positive clip.

    Raises:
        UserError: as `slowfast.ak.metrics.inputs.checked`.
    """
    scores, labels = checked(scores, labels)
    predicted, true = scores >= threshold, labels.sum(axis=0)
    f1 = 2 * (predicted & labels).sum(axis=0) / np.maximum(1, predicted.sum(axis=0) + true)
    return np.where(true > 0, f1, np.nan)


@METRICS.register(
    "f1_micro",
    takes="probabilities",
    title="F1 micro, threshold 0.5",
    heading="F1",
    explanation="all clips and classes together, threshold 0.5",
)
def f1_micro(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the F1 of all (clip, class) pairs at threshold 0.5."""
    return float(f1_at(*pooled(scores, labels))[0])


@METRICS.register(
    "best_f1_macro",
    takes="probabilities",
    title="F1 macro, best thresholds",
    heading="F1",
    explanation="mean over classes, each at its best threshold (found on these clips: optimistic)",
    note=_OPTIMISTIC,
)
def best_f1(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the highest F1 of each class over all thresholds; arguments as `f1_at`."""
    result = np.full(np.shape(scores)[-1:], np.nan)
    # F1 can only be highest where the threshold is the score of a positive clip.
    for index, clips, true in clips_above(scores, labels):
        result[index] = (2 * true / (clips + len(true))).max()
    return result


@METRICS.register(
    "best_f1_micro",
    takes="probabilities",
    title="F1 micro, best threshold",
    heading="F1",
    explanation="all together, at the best threshold (found on these clips: optimistic)",
    note=_OPTIMISTIC,
)
def best_f1_micro(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the highest F1 of all (clip, class) pairs over all thresholds."""
    return float(best_f1(*pooled(scores, labels))[0])
