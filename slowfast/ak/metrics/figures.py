"""The figures of an evaluation or a test, computed once from its scores.

The log line, the results table, the files, the report page and TensorBoard read them from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import isnan
from typing import Any

import numpy as np

from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights
from slowfast.ak.metrics.calibration import as_probabilities
from slowfast.ak.metrics.inputs import known_mean, segment_means
from slowfast.ak.metrics.ranks import Ranks
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.metrics import METRICS, facts_of, fits, metric_of


@dataclass(frozen=True)
class TestOptions:
    """What is computed: the figures of a test, or of an evaluation during training.

    Args:
        is_test: whether the figures of tests are computed, or those of evaluations.
        asked: keys of further figures to compute, such as TRAIN.BEST_METRIC.
        on_request: whether metrics are computed that are reported on request only.
        resamples: the number of resamples for intervals; 0: no intervals.
        seed: the seed of the resamples.
        summed_views: the number of views over which scores are summed; 1 for a maximum.
        probability_scale: the factor that the loss applies to logits before the sigmoid.
    """

    __test__ = False  # pytest does not collect this class as a test

    is_test: bool = True
    asked: tuple[str, ...] = ()
    on_request: bool = False
    resamples: int = 0
    seed: int = 0
    summed_views: int = 1
    probability_scale: float = 1.0

    @classmethod
    def from_cfg(cls, cfg: Any) -> TestOptions:
        """The options of a configuration in which the number of views is set."""
        is_sum = cfg.DATA.ENSEMBLE_METHOD == "sum"
        return cls(
            asked=_asked(cfg),
            on_request=cfg.TEST.MORE_METRICS,
            resamples=cfg.TEST.BOOTSTRAP,
            seed=cfg.RNG_SEED,
            summed_views=cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS if is_sum else 1,
            probability_scale=_probability_scale(cfg),
        )

    @classmethod
    def of_evaluation(cls, cfg: Any) -> TestOptions:
        """The options of evaluations during training, which score one view of each clip."""
        return cls(is_test=False, asked=_asked(cfg), probability_scale=_probability_scale(cfg))


def _asked(cfg: Any) -> tuple[str, ...]:
    return (cfg.TRAIN.BEST_METRIC,) if cfg.TRAIN.BEST_METRIC else ()


def _probability_scale(cfg: Any) -> float:
    scale = LOSSES.facts(cfg.MODEL.LOSS_FUNC).probability_scale
    return reduce(getattr, scale.split("."), cfg) if scale else 1.0


class Figures:
    """Computes all figures of one evaluation or test.

    A figure has a key: the name of a metric, such as ``map``, or of its mean over a segment, such
    as ``map_head``. Values are in the unit of the metric; nan stands for no value, such as a mean
    over no class.

    Args:
        scores: (N, C) on the CPU; None: only `ranks` are known.
        targets: (N, C) of 0 and 1, or (N,) class indices.
        segments: the segment of each class; None: there are none.
        options: what is computed; None: the figures of evaluations during training.
        ranks: the ranks of clips with one class each; None: they follow from the scores.

    Attributes:
        values: the value of each figure.
        intervals: the 95 % interval (low, high) of the figures that have one.

    Raises:
        UserError: shapes differ, a score is nan, or a label is neither 0 nor 1.
    """

    def __init__(
        self,
        scores: Any,
        targets: Any,
        segments: Sequence[str] | None = None,
        options: TestOptions | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.scores = None if scores is None else np.asarray(scores)
        self.targets = np.asarray(targets)
        self.segments, self._options = segments, options or TestOptions(is_test=False)
        if ranks is not None:
            self.ranks = ranks
        self.names = [name for name, _ in METRICS if self._is_reported(name)]
        self._results: dict[str, Any] = {}
        self.values: dict[str, float] = {}
        for name in self.names:
            self.values |= self._means(name, self.by_class(name))
        self.intervals = self._intervals() if self._options.resamples else {}

    def by_class(self, name: str) -> Any:
        """The result of a metric, computed at the first call: (C,), or a number where the metric
        has no values by class. Single labels are taken as one-hot where the metric needs that."""
        if name not in self._results:
            self._results[name] = METRICS.get(name)(*self._arguments(name))
        return self._results[name]

    def _arguments(self, name: str) -> tuple[Any, ...]:
        """The arguments of a metric."""
        facts = METRICS.facts(name)
        if facts.takes == "ranks":
            return (self.ranks,)
        scores = self._probabilities if facts.takes == "probabilities" else self.scores
        return scores, self.labels if facts.labels == "many" else self.targets

    def _is_reported(self, name: str) -> bool:
        facts = METRICS.facts(name)
        if not fits(name, self.many_labels) or (self.scores is None and facts.takes != "ranks"):
            return False
        if name in map(metric_of, self._options.asked):
            return True
        if self.many_labels and facts.labels == "one each" and not self.have_one_each:
            return self._options.on_request
        reported = {"always", "tests" if self._options.is_test else "evaluations"}
        return facts.reported in reported | ({"on request"} if self._options.on_request else set())

    @property
    def many_labels(self) -> bool:
        """Whether a clip can have several labels: targets are (N, C)."""
        return self.targets.ndim == 2

    @cached_property
    def have_one_each(self) -> bool:
        """Whether every clip has exactly one class."""
        return not self.many_labels or bool((self.targets.sum(axis=1) == 1).all())

    @cached_property
    def ranks(self) -> Ranks:
        """The ranks of the clips with exactly one class."""
        if not self.many_labels:
            return Ranks.of(self.scores, self.targets)
        clips = (self.targets.sum(axis=1) == 1).nonzero()[0]
        return Ranks.of(self.scores[clips], self.targets[clips].argmax(axis=1), clips)

    @property
    def columns(self) -> list[str]:
        """The keys of the first results table."""
        return [key for key in self.values if facts_of(key).column and self._is_own(key)]

    @property
    def quantity(self) -> str:
        """What the figures of the first results table are: mAP or accuracy."""
        return next((facts_of(key).quantity for key in self.columns), "")

    @property
    def class_columns(self) -> dict[str, str]:
        """The metrics of the table of classes by the heads of their columns, the main one first."""
        heads = {name: METRICS.facts(name).class_column for name, _ in METRICS}
        return {head: name for name, head in heads.items() if head and self._is_own(name)}

    def _is_own(self, key: str) -> bool:
        """Whether a figure is usual for labels of this kind, not only possible."""
        return (facts_of(key).labels == "many") == self.many_labels

    @property
    def resamples(self) -> int:
        """The number of resamples of the intervals; 0: there are no intervals."""
        return self._options.resamples

    @cached_property
    def labels(self) -> np.ndarray:
        """(N, C) labels: the targets of many labels, or single labels as one-hot booleans."""
        if self.many_labels:
            return self.targets
        return self.ranks.classes[:, None] == np.arange(self.ranks.count)

    @cached_property
    def positives(self) -> np.ndarray:
        """(C,) numbers of clips that carry each class."""
        return self.labels.sum(axis=0) if self.many_labels else self.ranks.positives

    @cached_property
    def chance(self) -> dict[str, float]:
        """The mean value of random scores, for each figure for which it is known."""
        found: dict[str, float] = {}
        for name in self.names:
            if METRICS.facts(name).chance:
                found |= self._means(name, self.chance_by_class(name))
        return found

    def chance_by_class(self, name: str) -> Any:
        """The mean value of random scores in each class, (C,), as `by_class`."""
        facts = METRICS.facts(name)
        if facts.takes == "ranks":
            return facts.chance(self.ranks)
        return facts.chance(self.positives, len(self.targets))

    def resampled(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The figures in each resample of the clips.

        Args:
            weights: (N, R), from `slowfast.ak.metrics.bootstrap.resample_weights`.

        Returns:
            By key (R,), for the metrics that can be resampled.
        """
        found: dict[str, np.ndarray] = {}
        for name in self.names:
            if resampled := METRICS.facts(name).resampled:
                found |= self._means(name, resampled(*self._arguments(name), weights))
        return found

    def evaluation_line(self) -> dict[str, float]:
        """The figures as the ``val_epoch`` line of json_stats holds them, in their own units."""
        return dict(self.values)

    def test_line(self) -> dict[str, str | list[str] | None]:
        """The figures as the ``test_final`` line of json_stats holds them.

        Returns:
            By key the value as a text with two decimals, fractions in per cent, None for no value;
            and ``interval_<key>``: both ends as such texts, or None.
        """
        line: dict[str, Any] = {}
        for key, value in self.values.items():
            line[key] = facts_of(key).text(value)
        for name in self.names:
            facts = METRICS.facts(name)
            if not (self.many_labels and facts.labels == "one each"):
                line |= dict.fromkeys(facts.also_logged_as, line[name])
        return line | {f"interval_{key}": self.interval_texts(key) for key in self.intervals}

    def interval_texts(self, key: str, decimals: int = 2) -> list[str] | None:
        """Both ends of the interval of a figure in per cent; None where there is none."""
        low, high = self.intervals.get(key, (np.nan, np.nan))
        return None if isnan(low) else [f"{100 * end:.{decimals}f}" for end in (low, high)]

    @cached_property
    def _probabilities(self) -> np.ndarray:
        options = self._options
        return as_probabilities(self.scores, options.summed_views, options.probability_scale)

    def _means(self, name: str, result: Any) -> dict[str, Any]:
        """The figures of a metric from its result: by class, or a number; resampled or not."""
        if not np.ndim(self.by_class(name)):
            return {name: result}
        means = {name: known_mean(result)}
        if METRICS.facts(name).by_segment:
            by_segment = segment_means(result, self.segments)
            means |= {f"{name}_{segment}": mean for segment, mean in by_segment.items()}
        return means

    def _intervals(self) -> dict[str, tuple[float, float]]:
        if not any(METRICS.facts(name).resampled for name in self.names):
            return {}
        weights = resample_weights(len(self.targets), self._options.resamples, self._options.seed)
        found = {}
        for key, values in self.resampled(weights).items():
            low, high = interval(centred(values, self.values[key]))
            # Centred resamples may pass the ends of the scale; max and min keep nan.
            found[key] = (low, high) if isnan(low) else (max(0.0, low), min(1.0, high))
        return found
