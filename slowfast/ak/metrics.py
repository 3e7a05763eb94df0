"""Mean average precision, as Animal Kingdom's results are given: by class, then by segment.

Notable: the values are scikit-learn's (``average_precision_score``), ties included, found by one
sort of all scores and a look-up of the positives alone. Classes without a positive clip have no
average precision, and count nowhere.
"""

from collections.abc import Sequence

import numpy as np

from slowfast.ak.errors import UserError


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Average precision of each class: the mean, over its positive clips, of the precision at the
    clip's score. Clips of equal score stand or fall together.

    Args:
        scores: (N, C), any finite numbers; higher means more likely.
        labels: (N, C) of 0 and 1.

    Returns:
        (C,) float64 in 0..1, nan for a class without a positive.

    Raises:
        UserError: shapes differ, a score is nan, or a label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise UserError(
            f"mAP takes scores and labels (clips, classes), not {scores.shape} and {labels.shape}."
        )
    if np.isnan(scores).any():
        raise UserError(
            f"mAP: {np.isnan(scores).any(axis=1).sum()} clips have scores that are nan."
        )
    positive = labels == 1
    if not (positive | (labels == 0)).all():
        raise UserError("mAP takes labels of 0 and 1 alone.")

    result = np.full(scores.shape[1], np.nan)
    # Classes become rows, so that what is sorted lies together in memory.
    ascending = np.sort(scores.T, axis=1)
    for index in positive.any(axis=0).nonzero()[0]:
        hits = np.sort(scores[positive[:, index], index])
        # At the threshold of each positive: how many clips, and how many positives, reach it.
        clips = len(scores) - np.searchsorted(ascending[index], hits)
        true = len(hits) - np.searchsorted(hits, hits)
        result[index] = (true / clips).mean()
    return result


def map_by_segment(ap: np.ndarray, segments: Sequence[str] | None = None) -> dict[str, float]:
    """Means of average precision over all classes and over those of each segment.

    Args:
        ap: (C,), nan where a class has none.
        segments: of each class, such as head, middle, tail; None or "": a class in no segment.

    Returns:
        ``map``, then ``map_<segment>`` in the order head, middle, tail, others; nan where no class
        has a value.

    Raises:
        UserError: another number of segments than of classes.
    """
    ap = np.asarray(ap, dtype=np.float64)
    means = {"map": _mean(ap)}
    if segments is None:
        return means
    if len(segments) != len(ap):
        raise UserError(f"There are segments for {len(segments)} classes, and {len(ap)} classes.")
    usual = ("head", "middle", "tail")
    present = [name for name in dict.fromkeys(segments) if name]
    for name in sorted(present, key=lambda n: usual.index(n) if n in usual else len(usual)):
        means[f"map_{name}"] = _mean(ap[[segment == name for segment in segments]])
    return means


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
