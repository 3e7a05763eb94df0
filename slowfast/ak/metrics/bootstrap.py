"""How far a figure could be chance: intervals by resampling the test clips.

Notable: a resample draws as many clips as there are, with replacement (Efron, "Bootstrap Methods:
Another Look at the Jackknife", 1979), which is to say that it gives each clip a whole-number
weight. So each class is sorted once, and a thousand resamples are cumulative sums of weights in
that order: the average precision of each resample is exact, ties included, without a thousand
sorts.

A class of which a resample has no positive clip has no average precision there, and drops out of
that resample's mean. With one test clip that happens in 37 of 100; and where a positive clip is
drawn twice, each of the two has the other beside it, so that rare classes score higher in resamples
than in truth: on Animal Kingdom's labels by some points of mAP, which can lift the plain
percentiles above the very figure that they are to surround. So resamples give the spread, and the
figure the place: `centred` moves them until their mean is the figure.

Where classes are rare, such a 95 % interval is a little too narrow. Measured on 400 made-up test
sets of 1,500 clips (60 classes, 47 of them of about 1.5 clips; normal scores, positives 1.5
higher; 200 resamples), it held the expected mAP in 91 of 100 sets, that of the 13 large classes in
93, of the 47 small ones in 91; plain percentiles held them in 55, 92 and 86, and percentiles
mirrored at the figure in 57, 88 and 76. On sets of 600 clips (30 classes, 18 of about 1.5 clips)
it held them in 89, 93 and 88.

An interval says what as many other test clips could have shown, and nothing of how another training
run would have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slowfast.ak.metrics.average_precision import checked, map_by_segment

# Weights that are gathered at a time: some megabytes, which a cache holds in part.
_GATHERED = 8_000_000


def resample_weights(clips: int, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each resample has each clip.

    Returns:
        (clips, resamples) uint8, for nothing is drawn 256 times of so many; columns add up to
        ``clips``. The same for the same arguments.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = np.empty((resamples, clips), np.uint8)
    for row in weights:
        row[:] = np.bincount(generator.integers(clips, size=clips), minlength=clips)
    return np.ascontiguousarray(weights.T)


def resampled_ap(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of each class in each resample.

    Args:
        scores, labels: (N, C), as `slowfast.ak.metrics.average_precision.average_precision` takes
        them.
        weights: (N, R), of `resample_weights`.

    Returns:
        (R, C) float64, nan where no positive clip of the class was drawn.

    Raises:
        UserError: as `slowfast.ak.metrics.average_precision.checked`.
    """
    scores, labels = checked(scores, labels)
    result = np.full((weights.shape[1], scores.shape[1]), np.nan)
    clips = np.arange(len(scores))
    for index in labels.any(axis=0).nonzero()[0]:
        result[:, index] = _weighted_ap(scores[:, index], labels[:, index], clips, weights)
    return result


def resampled_micro_ap(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`slowfast.ak.metrics.average_precision.micro_average_precision` in each resample, (R,);
    arguments as
    `resampled_ap` takes them."""
    scores, labels = checked(scores, labels)
    if not labels.any():
        return np.full(weights.shape[1], np.nan)
    clips = np.repeat(np.arange(len(scores)), scores.shape[1])
    return _weighted_ap(scores.ravel(), labels.ravel(), clips, weights)


def _weighted_ap(
    scores: np.ndarray, positive: np.ndarray, clips: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Average precision (R,) of items (M,), of which each weighs what its clip does."""
    order = np.argsort(-scores, kind="stable")
    descending, hits = -scores[order], positive[order].nonzero()[0]
    # A step ends with the last item that has the score of a positive one, or a better one.
    ends = np.searchsorted(descending, np.unique(descending[hits]), side="right")
    starts = np.concatenate(([0], ends[:-1]))
    first_hits = np.searchsorted(hits, starts)
    items, true_items = clips[order[: ends[-1]]], clips[order[hits]]

    result = np.empty(weights.shape[1])
    width = max(1, _GATHERED // len(items))
    for left in range(0, len(result), width):
        block = np.ascontiguousarray(weights[:, left : left + width])
        drawn = np.add.reduceat(block[items], starts, axis=0, dtype=np.int32)
        true = np.add.reduceat(block[true_items], first_hits, axis=0, dtype=np.int32)
        drawn = drawn.cumsum(axis=0, dtype=np.float64)
        reached = true.cumsum(axis=0, dtype=np.float64)
        precision = np.divide(reached, drawn, out=np.zeros_like(drawn), where=drawn > 0)
        total = reached[-1]
        result[left : left + width] = np.divide(
            (true * precision).sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0
        )
    return result


def resampled_means(
    scores: np.ndarray,
    labels: np.ndarray,
    segments: Sequence[str] | None,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """What `slowfast.ak.metrics.average_precision.mean_figures` gives, of each resample: (R,)
    each."""
    found = map_by_segment(resampled_ap(scores, labels, weights), segments)
    return found | {"map_micro": resampled_micro_ap(scores, labels, weights)}


def centred(values: np.ndarray, figure: float) -> np.ndarray:
    """Resampled values, moved so that their mean is the figure of the clips themselves."""
    known = values[~np.isnan(values)]
    return known - known.mean() + figure if len(known) else known


def interval(values: np.ndarray, share: float = 0.95) -> tuple[float, float]:
    """Between which values the middle share of all resamples lies; nan without values."""
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - share) / 2, 1 - (1 - share) / 2])
    return float(low), float(high)
