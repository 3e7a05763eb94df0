"""Mean average precision, as Animal Kingdom's results are given: by class, then by segment.

Notable: the values are scikit-learn's (``average_precision_score``), ties included, found by one
sort of all scores and a look-up of the positives alone. Classes without a positive clip have no
average precision, and count nowhere.
"""

from collections.abc import Iterator, Sequence
from math import isnan

import numpy as np

from slowfast.ak.errors import UserError

USUAL = ("head", "middle", "tail")  # the order in which segments are told


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
    result = np.full(np.shape(scores)[-1:], np.nan)
    for index, clips, true in reached(scores, labels):
        result[index] = (true / clips).mean()
    return result


def micro_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Average precision of all (clip, class) pairs as if they were clips of one class: the value
    of scikit-learn's ``average="micro"``; nan where nothing is positive.

    Most positives belong to the head, so that it says little about any other class, and it is no
    match for an mAP over classes, such as the paper's. Arguments as `average_precision` takes them.
    """
    scores, labels = checked(scores, labels)
    return float(average_precision(scores.reshape(-1, 1), labels.reshape(-1, 1))[0])


def chance_average_precision(positives: np.ndarray, clips: int) -> np.ndarray:
    """What `average_precision` is on average where scores are random and no two are equal.

    The clip at rank k is preceded by k - 1 others, each positive with probability (P - 1)/(N - 1)
    if it is positive itself; its precision, averaged over all ranks, gives
    (H + (P - 1)/(N - 1) (N - H)) / N with H = 1 + 1/2 + ... + 1/N (Bestgen, "Exact Expected Average
    Precision of the Random Baseline for System Evaluation", 2015).

    Args:
        positives: (C,) clips that carry each class.
        clips: N, of all.

    Returns:
        (C,) float64, nan for a class without a positive.
    """
    positives = np.asarray(positives, dtype=np.float64)
    harmonic = (1 / np.arange(1, clips + 1)).sum()
    others = (positives - 1) / max(1, clips - 1)
    chance = (harmonic + others * (clips - harmonic)) / max(1, clips)
    return np.where(positives > 0, chance, np.nan)


def reached(scores: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """How many clips each positive clip's score is reached by, of all and of the positive ones.

    Yields:
        For each class with a positive: its id, and (P,) counts each of clips and of positive clips
        whose score is at least that of a positive clip; precision is their quotient.

    Raises:
        UserError: as `checked`.
    """
    scores, labels = checked(scores, labels)
    # Classes become rows, so that what is sorted lies together in memory.
    ascending = np.sort(scores.T, axis=1)
    for index in labels.any(axis=0).nonzero()[0]:
        hits = np.sort(scores[labels[:, index], index])
        clips = len(scores) - np.searchsorted(ascending[index], hits)
        true = len(hits) - np.searchsorted(hits, hits)
        yield int(index), clips, true


def checked(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, C) as they are and labels (N, C) as booleans.

    Raises:
        UserError: shapes differ, a score is nan, or a label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise UserError(
            f"mAP takes scores and labels (clips, classes), not {scores.shape} and {labels.shape}."
        )
    if len(bad := np.isnan(scores).any(axis=1).nonzero()[0]):
        raise UserError(
            f"mAP: {len(bad)} clips have scores that are nan, the first being number {bad[0]} "
            "(counted from 0)."
        )
    if labels.dtype == bool:
        return scores, labels
    positive = labels == 1
    if not (positive | (labels == 0)).all():
        raise UserError("mAP takes labels of 0 and 1 alone.")
    return scores, positive


def map_by_segment(
    ap: np.ndarray, segments: Sequence[str] | None = None
) -> dict[str, float | np.ndarray]:
    """Means of average precision over all classes and over those of each segment.

    Args:
        ap: (C,), nan where a class has none; or (R, C), for R resamples.
        segments: of each class, such as head, middle, tail; None or "": a class in no segment.

    Returns:
        ``map``, then ``map_<segment>`` in the order head, middle, tail, others; nan where no class
        has a value. Each is a float, or (R,).

    Raises:
        UserError: another number of segments than of classes.
    """
    ap = np.asarray(ap, dtype=np.float64)
    means = {"map": known_mean(ap)}
    if segments is None:
        return means
    if len(segments) != ap.shape[-1]:
        raise UserError(
            f"There are segments for {len(segments)} classes, and {ap.shape[-1]} classes."
        )
    present = [name for name in dict.fromkeys(segments) if name]
    for name in sorted(present, key=lambda n: USUAL.index(n) if n in USUAL else len(USUAL)):
        means[f"map_{name}"] = known_mean(ap[..., [segment == name for segment in segments]])
    return means


def mean_figures(
    scores: np.ndarray, labels: np.ndarray, segments: Sequence[str] | None
) -> dict[str, float]:
    """``map``, ``map_<segment>`` and ``map_micro``, as fractions; nan where there is none.

    Args:
        scores, labels: (N, C).
        segments: of each class.
    """
    found = map_by_segment(average_precision(scores, labels), segments)
    return found | {"map_micro": micro_average_precision(scores, labels)}


def chance_figures(
    positives: np.ndarray, clips: int, segments: Sequence[str] | None
) -> dict[str, float]:
    """What random scores reach on average, for each figure that `mean_figures` gives.

    Args:
        positives: (C,) clips that carry each class.
        clips: N, of all.
        segments: of each class.
    """
    positives = np.asarray(positives)
    chance = map_by_segment(chance_average_precision(positives, clips), segments)
    pairs = clips * len(positives)
    return chance | {"map_micro": float(chance_average_precision(positives.sum(), pairs))}


def per_cent(fraction: float) -> str | None:
    """A fraction in per cent with two decimals, as `json_stats` tells figures; None for nan."""
    return None if isnan(fraction) else f"{100 * fraction:.2f}"


def known_mean(values: np.ndarray) -> float | np.ndarray:
    """The mean over the last axis, nan left out; nan where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    means = np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)
    return float(means) if np.ndim(means) == 0 else means
