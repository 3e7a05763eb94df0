"""Pairs of predicted and true bouts of one class in one video.

The rule is that of the segmental F1 score F1@k (Lea, Flynn, Vidal, Reiter, Hager, "Temporal
Convolutional Networks for Action Segmentation and Detection", CVPR 2017, section 4). Each predicted
bout, in the order of time, is compared with the true bout that it overlaps most, measured by the
intersection over union. If that reaches the threshold and no earlier predicted bout has taken this
true bout, the two are a pair: a hit. Other predicted bouts are false, and true bouts without a pair
are missed. A prediction that breaks one bout into several pieces is thus punished, a small shift of
its ends is not.
"""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-9  # of an intersection over union that is exactly the threshold


def overlaps(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Returns (P, T): the intersection over union of bouts (T, 2) and (P, 2) of start and stop."""
    starts = np.maximum(predicted[:, None, 0], true[None, :, 0])
    stops = np.minimum(predicted[:, None, 1], true[None, :, 1])
    common = np.maximum(0, stops - starts)
    lengths = np.ptp(predicted, axis=1)[:, None] + np.ptp(true, axis=1)[None, :]
    return common / np.maximum(lengths - common, np.finfo(float).tiny)


def pairs(overlap: np.ndarray, threshold: float) -> np.ndarray:
    """Returns (n, 2): the numbers of the true and of the predicted bout of each hit.

    Args:
        overlap: (P, T), from `overlaps`; predicted bouts in the order of time.
        threshold: the least intersection over union of a pair, above 0.
    """
    found, taken = [], set()
    if overlap.shape[1]:
        for predicted, true in enumerate(overlap.argmax(axis=1).tolist()):
            if overlap[predicted, true] >= threshold - _ROUNDING and true not in taken:
                taken.add(true)
                found.append((true, predicted))
    return np.array(found, dtype=np.int64).reshape(-1, 2)
