"""The registry of metrics: the figures that an evaluation or a test reports."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class MetricFacts(Facts):
    """Facts about a metric.

    A metric is a function of scores (N, C) and targets. It returns a number, or (C,) values, nan
    for a class that has none; the figure is then the mean over the classes that have a value.

    Args:
        labels: ``many`` for clips with several classes each, targets (N, C) of booleans; ``one``
            for one class a clip, targets (N,).
        reported: ``always``; ``evaluations`` during training; ``tests``; ``on request``: tests with
            TEST.MORE_METRICS.
        takes: ``scores``, or ``probabilities``: calibrated scores in 0..1.
        unit: ``fraction`` (0 to 1, printed in per cent), ``per cent`` or ``classes``.
        higher_is_better: the direction of the figure.
        title: what the results table and the log call the figure.
        heading, explanation: what the report page calls the figure, and how it is defined.
        note: a remark below the results table, which marks the title with a star.
        column: the head of the figure's column in the first results table, which holds mAP or, with
            one class a clip, accuracies; empty: the figure has a row in the second table.
        by_segment: whether the mean over the classes of each segment is reported too, as
            ``<name>_<segment>``.
        chance: a function of positives (C,) and the number of clips: the mean value of random
            scores, a number or (C,) as the metric itself.
        resampled: a function of scores, targets and weights (N, R): the metric in each of R
            resamples of the clips, (R,) or (R, C). Such a figure has an interval.
        without_value: what json_stats holds where no class has a value.
        also_logged_as: keys under which json_stats repeats the figure of a test.
    """

    labels: str = "many"
    reported: str = "on request"
    takes: str = "scores"
    unit: str = "fraction"
    higher_is_better: bool = True
    title: str = ""
    heading: str = ""
    explanation: str = ""
    note: str = ""
    column: str = ""
    by_segment: bool = False
    chance: Callable[[np.ndarray, int], np.ndarray | float] | None = None
    resampled: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None
    without_value: float = nan
    also_logged_as: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """The unit sign after a printed value."""
        return "" if self.unit == "classes" else " %"

    def text(self, value: float) -> str | None:
        """A value with two decimals, fractions in per cent; None for nan."""
        if isnan(value):
            return None
        return f"{100 * value if self.unit == 'fraction' else value:.2f}"


METRICS: Registry[MetricFacts] = Registry("metric", "TEST.MORE_METRICS", MetricFacts)


def metric_of(key: str) -> str | None:
    """The metric to which a key of json_stats belongs, such as ``map`` for ``map_head``."""
    if key in METRICS:
        return key
    by_segment = (name for name, _ in METRICS if METRICS.facts(name).by_segment)
    return next((name for name in by_segment if key.startswith(f"{name}_")), None)


def column_of(key: str) -> str:
    """The head of a figure's column: the head of the metric, or the name of the segment."""
    name = metric_of(key)
    return METRICS.facts(name).column if key == name else key.removeprefix(f"{name}_")
