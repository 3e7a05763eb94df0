"""Area under the ROC curve, equal to scikit-learn's ``roc_auc_score``, ties included."""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.inputs import checked
from slowfast.ak.registries.metrics import METRICS


@METRICS.register(
    "roc_auc",
    title="area under ROC curve, macro",
    heading="ROC AUC",
    explanation="mean over classes",
)
def roc_auc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC curve of each class.

    It is the probability that a clip with the class scores higher than a clip without it; a tie
    counts half.

    Args:
        scores: (N, C).
        labels: (N, C) of 0 and 1.

    Returns:
        (C,) float64, nan where all clips have the class or none has it.

    Raises:
        UserError: as `slowfast.ak.metrics.inputs.checked`.
    """
    scores, labels = checked(scores, labels)
    result = np.full(scores.shape[1], np.nan)
    ascending = np.sort(scores.T, axis=1)
    positives = labels.sum(axis=0)
    for index in ((positives > 0) & (positives < len(scores))).nonzero()[0]:
        hits, true = scores[labels[:, index], index], int(positives[index])
        below = np.searchsorted(ascending[index], hits, side="left")
        not_above = np.searchsorted(ascending[index], hits, side="right")
        # Pairs of two positive clips are subtracted: they always contribute half of their number.
        won = (below + not_above).sum() / 2 - true**2 / 2
        result[index] = won / (true * (len(scores) - true))
    return result
