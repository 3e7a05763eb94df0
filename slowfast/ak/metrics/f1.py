"""F1: what is left of a ranking once a threshold says which classes a clip has.

A clip is said to have a class where its score reaches the threshold. F1 is 2 TP / (said + true).
The best threshold is found on the clips that it is then measured on, and is optimistic: it says how
good a threshold there is, not that one knew it. Equal to scikit-learn's ``f1_score``.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.average_precision import checked, reached


def f1_at(scores: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """F1 of each class at one threshold.

    Args:
        scores, labels: (N, C), as `slowfast.ak.metrics.average_precision.average_precision` takes
        them.

    Returns:
        (C,) float64 in 0..1, nan for a class without a positive.

    Raises:
        UserError: as `slowfast.ak.metrics.average_precision.checked`.
    """
    scores, labels = checked(scores, labels)
    said, true = scores >= threshold, labels.sum(axis=0)
    f1 = 2 * (said & labels).sum(axis=0) / np.maximum(1, said.sum(axis=0) + true)
    return np.where(true > 0, f1, np.nan)


def best_f1(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The highest F1 that any threshold gives each class, each its own; otherwise as `f1_at`."""
    result = np.full(np.shape(scores)[-1:], np.nan)
    # Only where a threshold is the score of a positive clip can F1 be at its highest.
    for index, clips, true in reached(scores, labels):
        result[index] = (2 * true / (clips + len(true))).max()
    return result
