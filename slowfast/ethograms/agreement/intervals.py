"""The agreement of a prediction with a person, with intervals over videos; and its comparison.

Frames of a video resemble each other, so a resample draws whole videos with replacement
(`slowfast.ak.metrics.bootstrap`). With few videos an interval is too narrow, and with one there is
none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import chance_average_precision
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights
from slowfast.ak.metrics.comparison import Difference
from slowfast.ak.metrics.inputs import known_mean
from slowfast.ethograms.agreement.counts import Counts
from slowfast.ethograms.agreement.figures import (
    FIGURES,
    average_precisions,
    means,
    median_errors,
    rates,
    resampled_errors,
    resampled_precisions,
    sums,
)

_RANGES = {figure.key: (figure.lowest, figure.highest) for figure in FIGURES}
FEW_VIDEOS = 10  # below this, intervals are too narrow to rely on


@dataclass(frozen=True)
class Agreement:
    """How well a prediction agrees with a person.

    Attributes:
        classes: the C classes that were compared.
        videos: the counts of each video, at least one.
        resamples: how many resamples an interval is made of.
        seed: of the resamples; two agreements of equal videos and seed have the same ones.
    """

    classes: tuple[str, ...]
    videos: tuple[Counts, ...]
    resamples: int = 1000
    seed: int = 0

    @cached_property
    def occurs(self) -> np.ndarray:
        """(C,) booleans: whether the person saw the class."""
        return sums(self.videos).true > 0

    @cached_property
    def by_class(self) -> dict[str, np.ndarray]:
        """(C,) values by the key of a figure, nan where there is none."""
        return _by_class(self.videos, len(self.classes))

    @cached_property
    def mean(self) -> dict[str, float]:
        """The mean of each figure over the classes that the person saw and that have a value."""
        return means(self.by_class, self.occurs)

    @cached_property
    def chance(self) -> float:
        """The mean average precision that random scores of frames reach on average.

        It is over the same classes as the mean of "ap"; nan if no class has one.
        """
        total = sums(self.videos)
        values = chance_average_precision(total.true, int(total.frames[0]))
        values[np.isnan(self.by_class["ap"])] = np.nan
        return means({"ap": values}, self.occurs)["ap"]

    @cached_property
    def pooled(self) -> dict[str, float]:
        """Figures of the frames, or the bouts, of all classes together; without "ap"."""
        found = {key: float(values[0]) for key, values in rates(sums(self.videos).pooled).items()}
        errors = median_errors(self.videos, len(self.classes))
        return found | {key: float(values[-1]) for key, values in errors.items()}

    @cached_property
    def resampled(self) -> dict[str, np.ndarray]:
        """(R, C) values of each figure in each resample; empty for a single video."""
        if len(self.videos) < 2:
            return {}
        weights = resample_weights(len(self.videos), self.resamples, self.seed)
        found = {"ap": resampled_precisions(self.videos, len(self.classes), weights)}
        found |= rates(sums(self.videos, weights))
        errors = resampled_errors(self.videos, len(self.classes), weights)
        return found | {key: values[:, :-1] for key, values in errors.items()}

    @cached_property
    def intervals(self) -> dict[str, np.ndarray]:
        """(C, 2) ends of the 95 % interval of each class, nan without one."""
        found = {}
        for key, values in self.resampled.items():
            ends = [
                _ends(key, column, figure) if not isnan(figure) else (np.nan, np.nan)
                for column, figure in zip(values.T, self.by_class[key], strict=True)
            ]
            found[key] = np.array(ends).reshape(-1, 2)
        return found

    @cached_property
    def mean_intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % intervals of the means."""
        resampled = means(self.resampled, self.occurs)
        return {
            key: _ends(key, values, self.mean[key])
            for key, values in resampled.items()
            if not isnan(self.mean[key])
        }

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C + 1, C + 1) frames, see `slowfast.ethograms.agreement.counts.confused_frames`."""
        return np.sum([video.confusion for video in self.videos], axis=0)

    def of_video(self, video: str) -> Agreement | None:
        """Returns the agreement in one video, which has no intervals; None for another video."""
        found = tuple(each for each in self.videos if each.video == video)
        return Agreement(self.classes, found) if found else None

    def confused_pairs(self, most: int = 20) -> list[tuple[str, str, int, float]]:
        """Returns the pairs of classes that are confused most often.

        Returns:
            (missed, predicted, frames, share of the frames of the missed class), most frames first.
        """
        frames = self.confusion[:-1, :-1].copy()
        np.fill_diagonal(frames, 0)
        true = sums(self.videos).true
        order = np.argsort(-frames, axis=None, kind="stable")[:most]
        rows, columns = np.unravel_index(order, frames.shape)
        return [
            (self.classes[a], self.classes[b], int(frames[a, b]), float(frames[a, b] / true[a]))
            for a, b in zip(rows.tolist(), columns.tolist(), strict=True)
            if frames[a, b]
        ]

    def to_record(self) -> dict:
        """Returns everything as values of JSON; null for a figure without a value."""
        total = sums(self.videos)
        return {
            "videos": [video.video for video in self.videos],
            "frames": int(total.frames[0]),
            "resamples": self.resamples if len(self.videos) > 1 else 0,
            "figures": {
                figure.key: {"unit": figure.unit, "explanation": figure.explanation}
                for figure in FIGURES
            },
            "mean": {
                key: _with_interval(value, self.mean_intervals.get(key, ()))
                for key, value in self.mean.items()
            },
            "random_scores": {"ap": _json(self.chance)},
            "pooled": {key: _json(value) for key, value in self.pooled.items()},
            "classes": [
                {
                    "name": name,
                    "frames": int(total.true[index]),
                    "predicted_frames": int(total.predicted[index]),
                    "bouts": int(total.bouts[index]),
                    "predicted_bouts": int(total.predicted_bouts[index]),
                    **{
                        key: _with_interval(
                            values[index],
                            self.intervals[key][index] if key in self.intervals else (),
                        )
                        for key, values in self.by_class.items()
                    },
                }
                for index, name in enumerate(self.classes)
            ],
            "confusion": self.confusion.tolist(),
        }


def _by_class(videos: Sequence[Counts], classes: int) -> dict[str, np.ndarray]:
    errors = median_errors(videos, classes)
    return (
        {"ap": average_precisions(videos, classes)}
        | rates(sums(videos))
        | {key: values[:-1] for key, values in errors.items()}
    )


def _ends(key: str, values: np.ndarray, figure: float) -> tuple[float, float]:
    """Returns the 95 % interval of resampled values, cut where the figure ends."""
    low, high = _RANGES.get(key, (-np.inf, np.inf))
    return interval(np.clip(centred(values, figure), low, high))


def _json(value: float) -> float | None:
    return None if isnan(value) else round(float(value), 6)


def _with_interval(value: float, ends: Sequence[float]) -> dict:
    low, high = ends if len(ends) else (np.nan, np.nan)
    return {"value": _json(value), "low": _json(low), "high": _json(high)}


def _difference_record(one: Difference) -> dict:
    names = ("first", "second", "value", "low", "high", "share_better")
    return {name: _json(getattr(one, name)) for name in names}


@dataclass(frozen=True)
class Compared:
    """Two predictions on the same videos and classes.

    Attributes:
        mean: the difference of the mean of each figure over the classes that have it in both.
        by_class: the differences of single classes, by figure and class.
    """

    mean: dict[str, Difference]
    by_class: dict[str, dict[str, Difference]]

    def to_record(self) -> dict:
        """Returns the differences as values of JSON."""
        return {
            "mean": {key: _difference_record(one) for key, one in self.mean.items()},
            "classes": {
                key: {name: _difference_record(one) for name, one in classes.items()}
                for key, classes in self.by_class.items()
            },
        }


def compare(first: Agreement, second: Agreement) -> Compared:
    """Returns the differences of two predictions, paired: both are measured on equal resamples.

    Raises:
        UserError: they have other videos, classes, resamples, or labels of the person.
    """
    same = ("classes", "resamples", "seed")
    if [getattr(first, name) for name in same] != [getattr(second, name) for name in same] or [
        (each.video, each.frames, each.true.tolist()) for each in first.videos
    ] != [(each.video, each.frames, each.true.tolist()) for each in second.videos]:
        raise UserError(
            "Two predictions can be compared on the same videos, frames and classes only; these "
            "two differ. Evaluate both against the same events."
        )
    mean, by_class = {}, {}
    for figure in FIGURES:
        one, other = first.by_class[figure.key], second.by_class[figure.key]
        known = ~(np.isnan(one) | np.isnan(other)) & first.occurs
        if not known.any():
            continue
        resampled = [each.resampled.get(figure.key) for each in (first, second)]
        values = [None if each is None else known_mean(each[:, known]) for each in resampled]
        ends = float(one[known].mean()), float(other[known].mean())
        mean[figure.key] = _difference(*ends, *values, figure.more_is_better)
        by_class[figure.key] = {
            first.classes[index]: _difference(
                float(one[index]),
                float(other[index]),
                *(None if each is None else each[:, index] for each in resampled),
                figure.more_is_better,
            )
            for index in known.nonzero()[0]
        }
    return Compared(mean, by_class)


def _difference(
    one: float,
    other: float,
    ones: np.ndarray | None,
    others: np.ndarray | None,
    more_is_better: bool,
) -> Difference:
    if ones is None or others is None:
        return Difference(one, other, np.nan, np.nan, np.nan)
    values = centred(others - ones, other - one)
    if not len(values):
        return Difference(one, other, np.nan, np.nan, np.nan)
    better = values if more_is_better else -values
    # A resample without a difference counts half for each.
    share = (better > 0).mean() + (better == 0).mean() / 2
    return Difference(one, other, *interval(values), float(share))
