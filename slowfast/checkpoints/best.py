"""The best evaluation so far: which it was, what it reached, and on which clips it was chosen.

Notable: it is written after every evaluation, beside its weights in ``checkpoints/best.pyth``, so
that a resumed run knows it, and knows whether the epoch that it takes up was still to be evaluated.
What was chosen on the test set says so wherever it is told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.lists.holdout import chosen_on


@dataclass(frozen=True)
class Best:
    """The best evaluation of a run.

    Attributes:
        metric: ``map``, a fraction, or ``top1_err``, in per cent.
        chosen_on: the clips of the evaluations, in words.
        epoch: counted from 1; 0 before the first evaluation.
        value: of the metric; None before the first evaluation.
        evaluated: the last epoch that was evaluated, counted from 1.
    """

    metric: str
    chosen_on: str
    epoch: int = 0
    value: float | None = None
    evaluated: int = 0

    @classmethod
    def of_run(cls, cfg: CfgNode, saved: Mapping[str, Any] | None = None) -> Best:
        """What a run begins with: what was saved, if it was measured as this run would measure."""
        metric = "map" if cfg.DATA.MULTI_LABEL else "top1_err"
        if saved and saved["metric"] == metric:
            return cls(**saved)
        return cls(metric, chosen_on(cfg))

    def or_better(self, epoch: int, figures: Mapping[str, float]) -> Best:
        """This one, or the evaluation after an epoch (counted from 1) where that is better."""
        value = float(figures[self.metric])
        sign = 1 if self.metric == "map" else -1
        # Of equal ones the first stays: nothing speaks for training on.
        if self.value is None or sign * value > sign * self.value:
            return replace(self, epoch=epoch, value=value, evaluated=epoch)
        return replace(self, evaluated=epoch)

    def stats(self) -> dict[str, Any]:
        """As json_stats name it: ``best_epoch``, ``best_map`` and ``best_chosen_on``."""
        return {
            "best_epoch": self.epoch,
            f"best_{self.metric}": self.value,
            "best_chosen_on": self.chosen_on,
        }

    def saved(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return asdict(self)

    def __str__(self) -> str:
        value = 100 * self.value if self.metric == "map" else self.value
        name = "mAP" if self.metric == "map" else "top-1 error"
        words = f"epoch {self.epoch}, {name} {value:.2f} %, chosen on {self.chosen_on}"
        if self.chosen_on.startswith("the test set"):
            words += ", for which its figures are optimistic (AK.HOLDOUT keeps clips to choose on)"
        return words
