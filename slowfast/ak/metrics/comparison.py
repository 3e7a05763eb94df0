"""Two results on the same test clips: what differs, and whether these clips can show it.

Notable: the comparison is paired. Both results are measured on the same resamples of the clips
(`slowfast.ak.metrics.bootstrap`), so that clips that are hard for both cancel out, and a
difference is told
from chance far sooner than two intervals side by side would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import average_precision, checked, mean_figures
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights, resampled_means


@dataclass(frozen=True)
class Difference:
    """One figure of both results, as fractions.

    low, high: 95 % interval of second - first over resampled clips; nan where there is none.
    share_better: of the resamples, those in which the second is better.
    """

    first: float
    second: float
    low: float
    high: float
    share_better: float

    @property
    def value(self) -> float:
        return self.second - self.first

    @property
    def is_shown(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def compare(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    segments: Sequence[str] | None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Differences of ``map``, ``map_<segment>`` and ``map_micro``, those that have a value.

    Args:
        first, second: (N, C) scores of the same clips.
        labels: (N, C) of 0 and 1.
        segments: of each class.

    Raises:
        UserError: shapes differ, or as `slowfast.ak.metrics.average_precision.checked`.
    """
    first, labels = checked(first, labels)
    second, _ = checked(second, labels)
    weights = resample_weights(len(labels), resamples, seed)
    figures = [mean_figures(scores, labels, segments) for scores in (first, second)]
    spreads = [resampled_means(scores, labels, segments, weights) for scores in (first, second)]
    found = {}
    for key, one in figures[0].items():
        other = figures[1][key]
        if isnan(one):
            continue
        values = centred(spreads[1][key] - spreads[0][key], other - one)
        # Resamples without any change are even.
        better = (values > 0).mean() + (values == 0).mean() / 2
        found[key] = Difference(one, other, *interval(values), float(better))
    return found


def largest_changes(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, count: int
) -> list[tuple[int, float, float]]:
    """Classes whose average precision differs most: id, first and second value, falling."""
    ap = np.stack([average_precision(first, labels), average_precision(second, labels)])
    change = np.abs(ap[1] - ap[0])
    order = np.argsort(-np.nan_to_num(change, nan=-1), kind="stable")[:count]
    return [(int(i), float(ap[0, i]), float(ap[1, i])) for i in order if change[i] > 0]


def align(names: Sequence[str], other_names: Sequence[str]) -> np.ndarray:
    """Where each of the first result's clips stands in the second.

    Raises:
        UserError: they hold different clips, or a name twice.
    """
    place = {name: index for index, name in enumerate(other_names)}
    if len(place) != len(other_names) or len(set(names)) != len(names):
        raise UserError("the results name a clip twice, and cannot be brought together by name")
    lacking = [name for name in names if name not in place]
    extra = set(other_names) - set(names)
    if lacking or extra:
        some = ", ".join([*lacking, *sorted(extra)][:5])
        raise UserError(
            f"the results are of other clips: {len(lacking)} are in the first alone, {len(extra)} "
            f"in the second ({some}, ...). Only results on one test list can be compared"
        )
    return np.array([place[name] for name in names], dtype=np.int64)
