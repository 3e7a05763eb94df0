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
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.metrics import METRICS, MetricFacts, metric_of


@dataclass(frozen=True)
class TestOptions:
    """What a test computes beyond the figures of an evaluation.

    Args:
        on_request: whether metrics are computed that are reported on request only.
        resamples: the number of resamples for intervals; 0: no intervals.
        seed: the seed of the resamples.
        summed_views: the number of views over which scores are summed; 1 for a maximum.
        probability_scale: the factor that the loss applies to logits before the sigmoid.
    """

    __test__ = False  # pytest does not collect this class as a test

    on_request: bool = False
    resamples: int = 0
    seed: int = 0
    summed_views: int = 1
    probability_scale: float = 1.0

    @classmethod
    def from_cfg(cls, cfg: Any) -> TestOptions:
        """The options of a configuration in which the number of views is set."""
        is_sum = cfg.DATA.ENSEMBLE_METHOD == "sum"
        scale = LOSSES.facts(cfg.MODEL.LOSS_FUNC).probability_scale
        return cls(
            on_request=cfg.TEST.MORE_METRICS,
            resamples=cfg.TEST.BOOTSTRAP,
            seed=cfg.RNG_SEED,
            summed_views=cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS if is_sum else 1,
            probability_scale=reduce(getattr, scale.split("."), cfg) if scale else 1.0,
        )


class Figures:
    """Computes all figures of one evaluation or test.

    A figure has a key: the name of a metric, such as ``map``, or of its mean over a segment, such
    as ``map_head``. Values are in the unit of the metric; nan stands for no value.

    Args:
        scores: (N, C) on the CPU.
        targets: (N, C) of 0 and 1, or (N,) class indices.
        segments: the segment of each class; None: there are none.
        options: the options of a test; None for an evaluation during training.

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
    ) -> None:
        self.scores, self.targets = np.asarray(scores), np.asarray(targets)
        self.segments, self._options = segments, options or TestOptions()
        reported = {"always", "evaluations" if options is None else "tests"}
        if self._options.on_request:
            reported.add("on request")
        labels = "many" if self.many_labels else "one"
        self.names = [
            name
            for name, _ in METRICS
            if METRICS.facts(name).labels == labels and METRICS.facts(name).reported in reported
        ]
        self._results: dict[str, Any] = {}
        self.values: dict[str, float] = {}
        for name in self.names:
            self.values |= self._means(name, self.by_class(name))
        self.intervals = self._intervals() if self._options.resamples else {}

    def by_class(self, name: str) -> Any:
        """The result of a metric, computed at the first call: (C,), or a number where the metric
        has no values by class. Single labels are taken as one-hot where the metric needs that."""
        if name not in self._results:
            facts = METRICS.facts(name)
            scores = self._probabilities if facts.takes == "probabilities" else self.scores
            targets = self.labels if facts.labels == "many" else self.targets
            self._results[name] = METRICS.get(name)(scores, targets)
        return self._results[name]

    @property
    def many_labels(self) -> bool:
        """Whether a clip can have several labels: targets are (N, C)."""
        return self.targets.ndim == 2

    @property
    def resamples(self) -> int:
        """The number of resamples of the intervals; 0: there are no intervals."""
        return self._options.resamples

    @cached_property
    def labels(self) -> np.ndarray:
        """(N, C) labels: the targets of many labels, or single labels as one-hot booleans."""
        if self.many_labels:
            return self.targets
        return np.eye(self.scores.shape[1], dtype=bool)[self.targets]

    @cached_property
    def positives(self) -> np.ndarray:
        """(C,) numbers of clips that carry each class."""
        return self.labels.sum(axis=0)

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
        return METRICS.facts(name).chance(self.positives, len(self.scores))

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
                found |= self._means(name, resampled(self.scores, self.labels, weights))
        return found

    def evaluation_line(self) -> dict[str, float]:
        """The figures as the ``val_epoch`` line of json_stats holds them, in their own units."""
        return {key: self._logged(key) for key in self.values}

    def test_line(self) -> dict[str, str | list[str] | None]:
        """The figures as the ``test_final`` line of json_stats holds them.

        Returns:
            By key the value as a text with two decimals, fractions in per cent, None for no value;
            and ``interval_<key>``: both ends as such texts, or None.
        """
        line: dict[str, Any] = {}
        for key in self.values:
            line[key] = _facts(key).text(self._logged(key))
        for name in self.names:
            line |= dict.fromkeys(METRICS.facts(name).also_logged_as, line[name])
        return line | {f"interval_{key}": self.interval_texts(key) for key in self.intervals}

    def interval_texts(self, key: str, decimals: int = 2) -> list[str] | None:
        """Both ends of the interval of a figure in per cent; None where there is none."""
        low, high = self.intervals.get(key, (np.nan, np.nan))
        return None if isnan(low) else [f"{100 * end:.{decimals}f}" for end in (low, high)]

    def _logged(self, key: str) -> float:
        value = self.values[key]
        return METRICS.facts(key).without_value if isnan(value) else value

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
        weights = resample_weights(len(self.scores), self._options.resamples, self._options.seed)
        found = {}
        for key, values in self.resampled(weights).items():
            low, high = interval(centred(values, self.values[key]))
            # Centred resamples may pass the ends of the scale; max and min keep nan.
            found[key] = (low, high) if isnan(low) else (max(0.0, low), min(1.0, high))
        return found


def _facts(key: str) -> MetricFacts:
    return METRICS.facts(metric_of(key))
