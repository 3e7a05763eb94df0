"""The registry of metrics: the figures that an evaluation or a test reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from slowfast.ak.nearest import suggestion
from slowfast.ak.registries.registry import Facts, Registry

# The segments of classes that can have means of their own, in the order of tables.
SEGMENT_ORDER = ("head", "middle", "tail")


@dataclass(frozen=True)
class MetricFacts(Facts):
    """Facts about a metric.

    A metric is a function of scores (N, C) and targets, or of ranks. It returns a number, or (C,)
    values, nan for a class that has none; the figure is then the mean over the classes that have a
    value. A figure without a value is nan.

    Args:
        labels: ``many`` for clips with several classes each, targets (N, C) of booleans; ``one``
            for one class a clip, targets (N,); ``one each``: as ``one``, and for targets (N, C) the
            clips with exactly one class. There the figure is reported if all clips are such, and
            otherwise on request only.
        reported: ``always``; ``evaluations`` during training; ``tests``; ``on request``: tests with
            TEST.MORE_METRICS.
        takes: ``scores``; ``probabilities``: calibrated scores in 0..1; or ``ranks``: the only
            argument is a `slowfast.ak.metrics.ranks.Ranks`.
        unit: ``fraction`` (0 to 1, printed in per cent), ``per cent`` or ``classes``.
        higher_is_better: the direction of the figure.
        title: what the results table and the log call the figure.
        heading, explanation: what the report page calls the figure, and how it is defined.
        note: a remark below the results table, which marks the title with a star.
        column: the head of the figure's column in the first results table; empty: the figure has a
            row in the second table.
        quantity: what a figure with a column is, ``mAP`` or ``accuracy``.
        class_column: the head of the column with the values by class in the table of classes;
            empty: the table has no such column.
        class_title: the same in full.
        by_segment: whether the mean over the classes of each segment is reported too, as
            ``<name>_<segment>``.
        chance: a function of positives (C,) and the number of clips, or of ranks if the metric
            takes ranks: the mean value of random scores, a number or (C,) as the metric itself.
        resampled: a function of the arguments of the metric and of weights (N, R): the metric in
            each of R resamples of the clips, (R,) or (R, C). Such a figure has an interval.
        also_logged_as: keys under which json_stats repeats the figure of a test; not for clips with
            several classes each if `labels` is ``one each``.
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
    quantity: str = ""
    class_column: str = ""
    class_title: str = ""
    by_segment: bool = False
    chance: Callable[..., np.ndarray | float] | None = None
    resampled: Callable[..., np.ndarray] | None = None
    also_logged_as: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """The unit sign after a printed value."""
        return "" if self.unit == "classes" else " %"

    def text(self, value: float | None) -> str | None:
        """A value with two decimals, fractions in per cent; None for nan and None."""
        if value is None or isnan(value):
            return None
        return f"{100 * value if self.unit == 'fraction' else value:.2f}"


METRICS: Registry[MetricFacts] = Registry("metric", "TEST.MORE_METRICS", MetricFacts)


def metric_of(key: str) -> str | None:
    """The metric to which a key of json_stats belongs, such as ``map`` for ``map_head``.

    Keys of a run with several label sets begin with a set, as ``animal/top1_macro``.
    """
    key = key.rpartition("/")[2]
    if key in METRICS:
        return key
    by_segment = (name for name, _ in METRICS if METRICS.facts(name).by_segment)
    return next((name for name in by_segment if key.startswith(f"{name}_")), None)


def column_of(key: str) -> str:
    """The head of a figure's column: the head of the metric, or the name of the segment."""
    name, key = metric_of(key), key.rpartition("/")[2]
    return METRICS.facts(name).column if key == name else key.removeprefix(f"{name}_")


def title_of(key: str) -> str:
    """What the log calls a figure: "mAP", "mAP, head", "animal, top-1 macro, tail"."""
    name, (owner, _, own_key) = metric_of(key), key.rpartition("/")
    title = facts_of(key).title or own_key
    segment = "" if name in (None, own_key) else column_of(key)
    return ", ".join(part for part in (owner, title, segment) if part)


def facts_of(key: str) -> MetricFacts:
    """The facts about the metric of a key; the defaults if there is none."""
    return METRICS.facts(metric_of(key) or "")


def fits(name: str, many_labels: bool) -> bool:
    """Whether a metric can be computed from targets (N, C), if `many_labels`, or (N,)."""
    labels = METRICS.facts(name).labels
    return labels in ({"many", "one each"} if many_labels else {"one", "one each"})


def figure_keys(many_labels: bool) -> list[str]:
    """The keys of all figures that can be computed from targets (N, C) or (N,)."""
    keys = []
    for name, _ in METRICS:
        if fits(name, many_labels):
            segments = SEGMENT_ORDER if METRICS.facts(name).by_segment else ()
            keys += [name, *(f"{name}_{segment}" for segment in segments)]
    return keys


def problem_with_figure(key: str, keys: Sequence[str]) -> str:
    """Why a key is not among the figures of a run; empty if it is."""
    if key in keys:
        return ""
    words = f"{suggestion(key, keys)} expected one of {', '.join(keys)}".lstrip()
    return f"there is no figure of this name for the labels of this run; {words}"
