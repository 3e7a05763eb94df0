"""The figures of agreement, from the sums of the counts of videos.

A figure has a value for each class, a mean over classes, and some have a value of all frames or
bouts together ("pooled"). A value that cannot be computed is nan: of a class that the person saw
nowhere only precision and the kappa have values, if it was predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slowfast.ak.metrics.inputs import known_mean
from slowfast.ethograms.agreement.counts import IOUS, Counts


@dataclass(frozen=True)
class Figure:
    """What a figure is called, and how it is defined.

    Attributes:
        unit: "%" for fractions, which are shown in percent, or "s".
        more_is_better: False for errors.
        lowest: its lowest possible value.
    """

    key: str
    title: str
    explanation: str
    unit: str = "%"
    more_is_better: bool = True
    lowest: float = 0.0

    @property
    def highest(self) -> float:
        """Its highest possible value."""
        return 1.0 if self.unit == "%" else np.inf


FIGURES = (
    Figure("ap", "AP", "average precision of the scores over frames, independent of thresholds"),
    Figure("f1", "F1", "F1 of frames: the harmonic mean of precision and recall"),
    Figure("precision", "precision", "share of the predicted frames that the person agrees with"),
    Figure("recall", "recall", "share of the person's frames that are predicted"),
    Figure(
        "kappa",
        "kappa",
        "Cohen's kappa of frames: 0 is chance, 100 is full agreement",
        lowest=-1.0,
    ),
    *(
        Figure(
            f"segment_f1_{round(100 * iou)}",
            f"F1@{round(100 * iou)}",
            f"F1 of bouts; a hit overlaps a true bout by {iou:g} or more (intersection over union)",
        )
        for iou in IOUS
    ),
    Figure(
        "onset",
        "onset",
        f"median distance of the starts of paired bouts (overlap at least {IOUS[0]:g})",
        "s",
        False,
    ),
    Figure("offset", "offset", "median distance of the ends of paired bouts", "s", False),
)
MOST_LEVELS = 1000  # of scores that are kept apart in resamples


@dataclass(frozen=True)
class Sums:
    """Sums of counts over videos, (..., C) each; `frames` is (..., 1), `hits` is (..., 3, C)."""

    frames: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    both: np.ndarray
    bouts: np.ndarray
    predicted_bouts: np.ndarray
    hits: np.ndarray

    @property
    def pooled(self) -> Sums:
        """The sums of all classes as if they were one."""
        classes = self.true.shape[-1]
        rest = ("true", "predicted", "both", "bouts", "predicted_bouts", "hits")
        sums = (getattr(self, name).sum(axis=-1, keepdims=True) for name in rest)
        return Sums(self.frames * classes, *sums)


def sums(videos: Sequence[Counts], weights: np.ndarray | None = None) -> Sums:
    """Returns sums over videos; with `weights` (V, R), those of R resamples, (R, ...)."""
    how_often = np.ones((len(videos), 1)) if weights is None else weights.astype(np.float64)

    def total(values: list[np.ndarray]) -> np.ndarray:
        result = np.tensordot(how_often.T, np.array(values, dtype=np.float64), axes=1)
        return result[0] if weights is None else result

    return Sums(
        total([np.array([each.frames]) for each in videos]),
        *(
            total([getattr(each, name) for each in videos])
            for name in ("true", "predicted", "both", "bouts", "predicted_bouts", "hits")
        ),
    )


def rates(of: Sums) -> dict[str, np.ndarray]:
    """Returns the figures that follow from sums, (..., C) each."""
    occurs = of.true > 0
    expected = of.true * of.predicted + (of.frames - of.true) * (of.frames - of.predicted)
    agreed = of.frames - of.true - of.predicted + 2 * of.both
    found = {
        "f1": _ratio(2 * of.both, of.true + of.predicted, occurs),
        "precision": _ratio(of.both, of.predicted),
        "recall": _ratio(of.both, of.true),
        # (observed - expected) / (1 - expected), Cohen 1960, with both multiplied by frames^2.
        "kappa": _ratio(agreed * of.frames - expected, of.frames**2 - expected),
    }
    for index, iou in enumerate(IOUS):
        hits = of.hits[..., index, :]
        found[f"segment_f1_{round(100 * iou)}"] = _ratio(
            2 * hits, of.bouts + of.predicted_bouts, of.bouts > 0
        )
    return found


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray | bool = True) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=where & (below > 0))


def average_precisions(videos: Sequence[Counts], classes: int) -> np.ndarray:
    """Returns the average precision of each class over the frames of all videos, (C,).

    It equals scikit-learn's over single frames, ties included. nan for a class that occurs nowhere;
    all nan if a video has no scores.
    """
    result = np.full(classes, np.nan)
    for index in range(classes):
        if steps := _steps(videos, index):
            _, true, frames = steps
            result[index] = _precision(true.sum(axis=1), frames.sum(axis=1))
    return result


def resampled_precisions(videos: Sequence[Counts], classes: int, weights: np.ndarray) -> np.ndarray:
    """Returns the average precision of each class in each resample of videos, (R, C).

    At most MOST_LEVELS levels of scores are kept apart, each with about the same number of frames;
    scores between two levels count as equal.

    Args:
        weights: (V, R), how often a resample has a video.
    """
    result = np.full((weights.shape[1], classes), np.nan)
    for index in range(classes):
        if steps := _steps(videos, index, MOST_LEVELS):
            _, true, frames = steps
            result[:, index] = _precision(true @ weights, frames @ weights)
    return result


def _steps(
    videos: Sequence[Counts], index: int, most: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Returns scores (L,), descending, and (L, V) true frames and all frames of each."""
    if any(video.levels is None for video in videos):
        return None
    scores = np.concatenate([video.levels.scores[:, index] for video in videos])
    true = np.concatenate([video.levels.true[:, index] for video in videos])
    if not true.any():
        return None
    frames = np.concatenate([video.levels.frames for video in videos])
    owner = np.repeat(np.arange(len(videos)), [len(video.levels.frames) for video in videos])
    levels, level = np.unique(-scores, return_inverse=True)
    if most and len(levels) > most:
        reached = np.cumsum(np.bincount(level, frames))
        level = (np.ceil(most * reached / reached[-1]).astype(np.int64) - 1)[level]
        level = np.unique(level, return_inverse=True)[1]
    if most is None:
        owner[:] = 0
    shape = (int(level.max()) + 1, int(owner.max()) + 1)
    at = level * shape[1] + owner
    counted = (np.bincount(at, each, shape[0] * shape[1]).reshape(shape) for each in (true, frames))
    return (-levels, *counted)


def _precision(true: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Returns average precisions of numbers (L, ...) of frames, the highest score first."""
    reached, all_frames = true.cumsum(axis=0), frames.cumsum(axis=0)
    precision = np.divide(reached, all_frames, out=np.zeros_like(reached), where=all_frames > 0)
    total = reached[-1]
    return np.divide(
        (true * precision).sum(axis=0), total, out=np.full(np.shape(total), np.nan), where=total > 0
    )


def median_errors(videos: Sequence[Counts], classes: int) -> dict[str, np.ndarray]:
    """Returns the medians of the errors of paired bouts in seconds, (C + 1,): the last is of all.

    Returns:
        onset, offset: of their sizes; onset_late, offset_late: with their sign, positive where the
        predicted bout starts or ends later.
    """
    errors = np.concatenate([video.errors for video in videos])
    found = {key: np.full(classes + 1, np.nan) for key in ("onset", "offset")}
    found |= {f"{key}_late": np.full(classes + 1, np.nan) for key in tuple(found)}
    for index in range(classes + 1):
        mine = errors if index == classes else errors[errors[:, 0] == index]
        if len(mine):
            for column, key in ((1, "onset"), (2, "offset")):
                found[key][index] = np.median(np.abs(mine[:, column]))
                found[f"{key}_late"][index] = np.median(mine[:, column])
    return found


def resampled_errors(
    videos: Sequence[Counts], classes: int, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the medians of the sizes of the errors in each resample, (R, C + 1)."""
    errors = np.concatenate([video.errors for video in videos])
    owner = np.repeat(np.arange(len(videos)), [len(video.errors) for video in videos])
    found = {}
    for column, key in ((1, "onset"), (2, "offset")):
        sizes = np.abs(errors[:, column])
        found[key] = np.full((weights.shape[1], classes + 1), np.nan)
        for index in range(classes + 1):
            mine = np.ones(len(errors), bool) if index == classes else errors[:, 0] == index
            if mine.any():
                found[key][:, index] = _medians(sizes[mine], weights[owner[mine]])
    return found


def _medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the median of values (n,), each as often as (n, R) says; nan where none is left."""
    order = np.argsort(values)
    reached = weights[order].cumsum(axis=0, dtype=np.float64)
    total = reached[-1]
    lower = values[order][(reached >= total / 2).argmax(axis=0)]
    upper = values[order][(reached > total / 2).argmax(axis=0)]
    return np.where(total > 0, (lower + upper) / 2, np.nan)


def means(by_class: dict[str, np.ndarray], occurs: np.ndarray) -> dict[str, float | np.ndarray]:
    """Returns the means of figures (..., C) over the classes that the person saw, without nan."""
    return {key: known_mean(values[..., occurs]) for key, values in by_class.items()}
