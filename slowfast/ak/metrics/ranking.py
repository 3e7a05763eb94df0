"""How well scores rank: by class (area under the ROC curve), and by clip (coverage).

Notable: both equal scikit-learn's values, ties included, without a loop over scikit-learn.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.average_precision import checked


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each class: the chance that a clip with the class has a higher
    score than one without it, a tie counting half.

    Args:
        scores, labels: (N, C), as `slowfast.ak.metrics.average_precision.average_precision` takes
        them.

    Returns:
        (C,) float64, nan where all clips have the class or none has.

    Raises:
        UserError: as `slowfast.ak.metrics.average_precision.checked`.
    """
    scores, labels = checked(scores, labels)
    result = np.full(scores.shape[1], np.nan)
    ascending = np.sort(scores.T, axis=1)
    positives = labels.sum(axis=0)
    for index in ((positives > 0) & (positives < len(scores))).nonzero()[0]:
        hits, true = scores[labels[:, index], index], int(positives[index])
        below = np.searchsorted(ascending[index], hits, side="left")
        not_above = np.searchsorted(ascending[index], hits, side="right")
        # Of all pairs (positive, any) won, those among the positives are always half.
        won = (below + not_above).sum() / 2 - true**2 / 2
        result[index] = won / (true * (len(scores) - true))
    return result


def coverage_error(scores: np.ndarray, labels: np.ndarray) -> float:
    """How far down a clip's ranking of classes one must go to meet all that it carries: the mean
    over clips of the number of classes whose score is not below that of its worst true class.

    The best value is the mean number of labels. A clip without a label counts 0, as in
    scikit-learn's ``coverage_error``; nan without clips.

    Raises:
        UserError: as `slowfast.ak.metrics.average_precision.checked`.
    """
    scores, labels = checked(scores, labels)
    if not len(scores):
        return float("nan")
    worst = np.where(labels, scores, np.inf).min(axis=1, keepdims=True)
    return float((scores >= worst).sum(axis=1).mean())
