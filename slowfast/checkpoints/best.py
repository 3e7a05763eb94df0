"""The best evaluation of a run so far: its epoch, its value, and the clips it was chosen on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.lists.holdout import chosen_on
from slowfast.ak.registries.metrics import facts_of, metric_of, title_of


@dataclass(frozen=True)
class Best:
    """The best evaluation of a run.

    Attributes:
        metric: key of the figure; its facts in the registry of metrics give the direction. Empty:
            the task has none.
        chosen_on: a description of the clips that were evaluated.
        epoch: epoch of the best evaluation, from 1; 0: no evaluation had a value of the metric.
        value: value of the metric; None as long as no evaluation had one.
        evaluated: epoch of the last evaluation, from 1.
    """

    metric: str
    chosen_on: str
    epoch: int = 0
    value: float | None = None
    evaluated: int = 0

    @classmethod
    def from_cfg(cls, cfg: CfgNode, metric: str, stored: Mapping[str, Any] | None = None) -> Best:
        """Returns the stored record if it has this run's metric, else an empty record."""
        if stored and stored["metric"] == metric:
            return cls(**stored)
        return cls(metric, chosen_on(cfg))

    def after_evaluation(self, epoch: int, figures: Mapping[str, float]) -> Best:
        """Returns the record after the evaluation of an epoch (from 1).

        Of several evaluations with the best value, the last one is the best: it had more training,
        most often at a lower learning rate. Few clips give few different values, so that equal ones
        are common. The loss does not decide, since a loss such as DRW changes with the epoch.
        An evaluation without a value of the metric, such as a mean over no class, is never best.
        """
        value = figures.get(self.metric)
        if value is None or isnan(value):
            return replace(self, evaluated=epoch)
        value, sign = float(value), 1 if facts_of(self.metric).higher_is_better else -1
        if self.value is None or sign * value >= sign * self.value:
            return replace(self, epoch=epoch, value=value, evaluated=epoch)
        return replace(self, evaluated=epoch)

    def stats(self) -> dict[str, Any]:
        """Returns the entries of json_stats, such as ``best_epoch``, ``best_metric`` (map),
        ``best_map`` and ``best_chosen_on``."""
        if not self.metric:
            return {}
        return {
            "best_epoch": self.epoch,
            "best_metric": self.metric,
            self._value_key: self.value,
            "best_chosen_on": self.chosen_on,
        }

    @property
    def _value_key(self) -> str:
        """``best_map`` for map; ``best_value`` where such a key would be another figure's."""
        key = f"best_{self.metric}"
        return key if metric_of(key) is None else "best_value"

    def as_dict(self) -> dict[str, Any]:
        """Returns the record as a checkpoint stores it."""
        return asdict(self)

    def __str__(self) -> str:
        facts, name = facts_of(self.metric), title_of(self.metric)
        if self.value is None:
            return f"none, as no evaluation had a value of {name}"
        value = f"{name} {facts.text(self.value)}{facts.sign}"
        words = f"epoch {self.epoch}, {value}, chosen on {self.chosen_on}"
        if self.chosen_on.startswith("the test set"):
            words += ", for which its figures are optimistic (AK.HOLDOUT keeps clips to choose on)"
        return words
