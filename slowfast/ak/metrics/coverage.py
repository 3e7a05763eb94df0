"""Coverage error, equal to scikit-learn's ``coverage_error``."""

from __future__ import annotations

import numpy as np

from slowfast.ak.metrics.inputs import checked
from slowfast.ak.registries.metrics import METRICS


@METRICS.register(
    "coverage",
    unit="classes",
    higher_is_better=False,
    title="coverage, in classes",
    heading="Coverage",
    explanation="how far down the ranking the last label of a clip stands, in classes",
)
def coverage_error(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns how many classes of a clip's ranking must be taken to include all its labels.

    It is the mean, over clips, of the number of classes that score at least as high as the lowest
    class that the clip carries. The best value is the mean number of labels. A clip without a label
    counts 0, as in scikit-learn. If no clip has a label, the value is nan.

    Args:
        scores: (N, C).
        labels: (N, C) of 0 and 1.

    Raises:
        UserError: as `slowfast.ak.metrics.inputs.checked`.
    """
    scores, labels = checked(scores, labels)
    if not labels.any():
        return float("nan")
    lowest = np.where(labels, scores, np.inf).min(axis=1, keepdims=True)
    return float((scores >= lowest).sum(axis=1).mean())
