"""The comparison of two results on the same test clips.

The comparison is paired: both results are measured on the same resamples of the clips
(`slowfast.ak.metrics.bootstrap`). Clips that are hard for both cancel out, so a difference shows
far earlier than in two separate intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights
from slowfast.ak.metrics.figures import Figures


@dataclass(frozen=True)
class Difference:
    """One figure of both results, as fractions.

    Attributes:
        first, second: the figure of each result.
        low, high: the 95 % interval of second - first over resampled clips; nan without one.
        share_better: the share of resamples in which the second result is better.
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
    first: Figures, second: Figures, resamples: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """Returns the differences of all figures that can be resampled and have a value.

    Args:
        first, second: figures of the same clips in the same order.
    """
    weights = resample_weights(len(first.targets), resamples, seed)
    others = second.resampled(weights)
    found = {}
    for key, values in first.resampled(weights).items():
        one, other = first.values[key], second.values[key]
        if isnan(one):
            continue
        values = centred(others[key] - values, other - one)
        # A resample without a difference counts half for each.
        better = (values > 0).mean() + (values == 0).mean() / 2
        found[key] = Difference(one, other, *interval(values), float(better))
    return found


def largest_changes(first: Figures, second: Figures, count: int) -> list[tuple[int, float, float]]:
    """Returns the classes whose average precision, or recall with one class a clip, differs most.

    Returns:
        Of each class the id, the first and the second value.
    """
    metric = next(iter(first.class_columns.values()))
    values = np.stack([each.by_class(metric) for each in (first, second)])
    change = np.abs(values[1] - values[0])
    order = np.argsort(-np.nan_to_num(change, nan=-1), kind="stable")[:count]
    return [(int(i), float(values[0, i]), float(values[1, i])) for i in order if change[i] > 0]


def align(names: Sequence[str], other_names: Sequence[str]) -> np.ndarray:
    """Returns the place of each clip of the first result in the second one.

    Raises:
        UserError: the results hold different clips, or one name twice.
    """
    place = {name: index for index, name in enumerate(other_names)}
    if len(place) != len(other_names) or len(set(names)) != len(names):
        raise UserError("the results name a clip twice, and cannot be matched by name")
    lacking = [name for name in names if name not in place]
    extra = set(other_names) - set(names)
    if lacking or extra:
        some = ", ".join([*lacking, *sorted(extra)][:5])
        raise UserError(
            f"the results are of different clips: {len(lacking)} are in the first only, "
            f"{len(extra)} in the second only ({some}, ...). Only results on one test list can be "
            "compared"
        )
    return np.array([place[name] for name in names], dtype=np.int64)
