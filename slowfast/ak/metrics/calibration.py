"""Calibration error: whether 30 of 100 predictions with 30 % certainty are right.

Only probabilities can be calibrated. Scores that are summed over views are divided by the number of
views first (`as_probabilities`). LDAM trains logits x with the sigmoid of s x: sigmoid(x) ranks
clips in the same order, but is far below the probability that the network learnt.
"""

from __future__ import annotations

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.inputs import checked, pooled
from slowfast.ak.registries.metrics import METRICS

BINS = 15


def as_probabilities(scores: np.ndarray, summed_views: int = 1, scale: float = 1.0) -> np.ndarray:
    """Returns ensembled sigmoid scores as probabilities in 0..1, float64.

    Args:
        scores: any shape; sigmoid(x), or its sum over views.
        summed_views: the number of views that were summed; 1 for a maximum over views.
        scale: s of a loss that takes sigmoid(s x), which is p^s / (p^s + (1 - p)^s) for p =
            sigmoid(x). This is exact for a maximum over views, an approximation for a mean.
    """
    # A sum in float32 may exceed the number of views by a rounding error.
    p = np.clip(np.asarray(scores, dtype=np.float64) / summed_views, 0, 1)
    if scale == 1:
        return p
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + ((1 - p) / p) ** scale)


def calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> np.ndarray:
    """Returns the expected calibration error of each class.

    Over bins of equal width, it is the mean distance between the mean probability and the share of
    positive clips, weighted by the number of clips in the bin (Guo et al., "On Calibration of
    Modern Neural Networks", 2017).

    Args:
        probabilities: (N, C) in 0..1.
        labels: (N, C) of 0 and 1.
        bins: [0, 1/bins), [1/bins, 2/bins), ...; the last bin includes 1.

    Returns:
        (C,) float64; nan without clips.

    Raises:
        UserError: a value outside 0..1, or as `slowfast.ak.metrics.inputs.checked`.
    """
    probabilities, labels = checked(probabilities, labels)
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise UserError(
            "Calibration expects probabilities from 0 to 1, but found "
            f"{probabilities[outside][0]:g}. Divide scores that are summed over views by the "
            "number of views."
        )
    clips, classes = probabilities.shape
    own = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    place = (own + bins * np.arange(classes)).ravel()
    # For a bin, (sum of probabilities - number of positives) is its weight times its distance.
    excess = np.bincount(place, (probabilities - labels).ravel(), minlength=classes * bins)
    total = np.abs(excess).reshape(classes, bins).sum(axis=1)
    return total / clips if clips else np.full(classes, np.nan)


@METRICS.register(
    "calibration_error_macro",
    takes="probabilities",
    higher_is_better=False,
    title="calibration error, macro",
    heading="Calibration error",
    explanation="mean over classes",
)
def calibration_error_macro(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the calibration error (C,) of each class that has a positive clip, nan for others."""
    return np.where(labels.any(axis=0), calibration_error(probabilities, labels), np.nan)


@METRICS.register(
    "calibration_error_micro",
    takes="probabilities",
    higher_is_better=False,
    title="calibration error, micro",
    heading="Calibration error",
    explanation="all together",
)
def calibration_error_micro(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the calibration error of all (clip, class) pairs."""
    return float(calibration_error(*pooled(probabilities, labels))[0])
