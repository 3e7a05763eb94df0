"""Precision and F1 of the class that scores highest, for clips with one class each.

The recall of a class is its top-1 accuracy (`slowfast.ak.metrics.top_k`). F1 is
2 TP / (predicted + true), equal to scikit-learn's ``f1_score`` by class.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.ranks import Ranks
from slowfast.ak.registries.metrics import METRICS


def _found_and_predicted(ranks: Ranks) -> tuple[np.ndarray, np.ndarray]:
    """(C,) numbers of clips of each class that are predicted rightly, and predicted at all."""
    known = ranks.predicted[ranks.predicted >= 0]
    found = ranks.classes[ranks.places == 0]
    return tuple(np.bincount(each, minlength=ranks.count) for each in (found, known))


@METRICS.register(
    "top1_precision",
    labels="one each",
    takes="ranks",
    title="precision, macro",
    heading="Precision",
    explanation="mean over the classes that are predicted for a clip",
    class_column="precision",
    class_title="precision",
)
def precision(ranks: Ranks) -> np.ndarray:
    """Returns the share of right ones among the predictions of each class.

    Returns:
        (C,) float64 in 0..1; nan for a class without a test clip, and for a class that is predicted
        for no clip. scikit-learn counts 0 for the latter.
    """
    found, predicted = _found_and_predicted(ranks)
    known = (predicted > 0) & (ranks.positives > 0)
    return np.divide(found, predicted, out=np.full(ranks.count, np.nan), where=known)


@METRICS.register(
    "top1_f1",
    labels="one each",
    takes="ranks",
    title="F1, macro",
    heading="F1",
    explanation="mean over classes, of the class that scores highest",
    class_column="F1",
    class_title="F1",
)
def f1(ranks: Ranks) -> np.ndarray:
    """Returns the F1 of each class, (C,) float64 in 0..1; nan for a class without a test clip."""
    found, predicted = _found_and_predicted(ranks)
    total = predicted + ranks.positives
    known = ranks.positives > 0
    return np.divide(2 * found, total, out=np.full(ranks.count, np.nan), where=known)
