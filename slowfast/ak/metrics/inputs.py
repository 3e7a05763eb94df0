"""Scores and labels as metrics take them, and means over classes."""

from collections.abc import Iterator, Sequence

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.registries.metrics import SEGMENT_ORDER


def checked(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores (N, C) as they are, and labels (N, C) as booleans.

    Raises:
        UserError: shapes differ, a score is nan, or a label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise UserError(
            "Metrics take scores and labels (clips, classes) of one shape, but found "
            f"{scores.shape} and {labels.shape}."
        )
    if len(bad := np.isnan(scores).any(axis=1).nonzero()[0]):
        raise UserError(
            f"{len(bad)} clips have scores that are nan; the first is number {bad[0]}, counted "
            "from 0."
        )
    if labels.dtype == bool:
        return scores, labels
    positive = labels == 1
    if not (positive | (labels == 0)).all():
        raise UserError("Metrics take labels of 0 and 1 only, but found other values.")
    return scores, positive


def pooled(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns all (clip, class) pairs as clips of one class, (N C, 1): for micro averages."""
    return np.reshape(scores, (-1, 1)), np.reshape(labels, (-1, 1))


def clips_above(
    scores: np.ndarray, labels: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Counts the clips that score at least as high as each positive clip.

    Yields:
        For each class with a positive clip: its id; (P,) numbers of clips with at least the score
        of each of the P positive clips; and (P,) numbers of positive clips among these. Their
        quotient is the precision.

    Raises:
        UserError: as `checked`.
    """
    scores, labels = checked(scores, labels)
    # Classes become rows, so that the scores of a class are contiguous in memory.
    ascending = np.sort(scores.T, axis=1)
    for index in labels.any(axis=0).nonzero()[0]:
        hits = np.sort(scores[labels[:, index], index])
        clips = len(scores) - np.searchsorted(ascending[index], hits)
        true = len(hits) - np.searchsorted(hits, hits)
        yield int(index), clips, true


def known_mean(values: np.ndarray) -> float | np.ndarray:
    """Returns the mean over the last axis without nan; nan where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    means = np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)
    return float(means) if np.ndim(means) == 0 else means


def segment_means(
    values: np.ndarray, segments: Sequence[str] | None
) -> dict[str, float | np.ndarray]:
    """Means over the classes of each segment, in the order head, middle, tail, others.

    Args:
        values: (C,), nan where a class has no value; or (R, C), for R resamples.
        segments: the segment of each class; "" for a class in no segment; None: no segments.

    Returns:
        By segment a float, or (R,); nan where no class has a value.

    Raises:
        UserError: the number of segments is not the number of classes.
    """
    if segments is None:
        return {}
    values = np.asarray(values, dtype=np.float64)
    if len(segments) != values.shape[-1]:
        raise UserError(
            f"Found segments of {len(segments)} classes, but scores of {values.shape[-1]}."
        )
    order = {name: place for place, name in enumerate(SEGMENT_ORDER)}
    present = [name for name in dict.fromkeys(segments) if name]
    return {
        name: known_mean(values[..., [segment == name for segment in segments]])
        for name in sorted(present, key=lambda name: order.get(name, len(order)))
    }
