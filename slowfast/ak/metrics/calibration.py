"""Calibration: whether of all that is said with 30 % certainty, 30 in 100 are so.

Notable: only probabilities can be calibrated. Scores summed over views are divided by their number
first (`as_probabilities`). A network that was trained by LDAM has logits x of which the loss takes
the sigmoid of s x; sigmoid(x) ranks the same, and is far too timid to be a probability.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import checked

BINS = 15


def as_probabilities(scores: np.ndarray, summed_views: int = 1, scale: float = 1.0) -> np.ndarray:
    """Ensembled sigmoid scores as what they say of probability, float64.

    Args:
        scores: any shape; sigmoid(x), or the sum of that over views.
        summed_views: over how many views scores are a sum; 1 for a maximum. It makes means of them.
        scale: s of a loss that takes sigmoid(s x), which is p^s / (p^s + (1 - p)^s) of p =
            sigmoid(x). Of a maximum over views it is exact, of a mean an approximation.
    """
    p = np.asarray(scores, dtype=np.float64) / summed_views
    if scale == 1:
        return p
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + ((1 - p) / p) ** scale)


def calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> np.ndarray:
    """Expected calibration error of each class (Guo et al., "On Calibration of Modern Neural
    Networks", 2017): over equally wide bins of probability, the mean of the distance between the
    mean probability and the share that is positive, weighted by how many clips a bin has.

    Args:
        probabilities: (N, C) in 0..1.
        labels: (N, C) of 0 and 1.
        bins: [0, 1/bins), [1/bins, 2/bins), ..., the last one with 1.

    Returns:
        (C,) float64; nan without clips.

    Raises:
        UserError: a value outside 0..1, or as `slowfast.ak.metrics.average_precision.checked`.
    """
    probabilities, labels = checked(probabilities, labels)
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise UserError(
            f"Calibration takes probabilities, in 0..1, not {probabilities[outside][0]:g}; divide "
            "scores that are summed over views by their number."
        )
    clips, classes = probabilities.shape
    own = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    place = (own + bins * np.arange(classes)).ravel()
    # Of a bin, (sum of probabilities - number of positives) is its weight times its distance.
    excess = np.bincount(place, (probabilities - labels).ravel(), minlength=classes * bins)
    total = np.abs(excess).reshape(classes, bins).sum(axis=1)
    return total / clips if clips else np.full(classes, np.nan)
