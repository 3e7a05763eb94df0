"""What upstream's meters measure: mAP as scikit-learn has it, by segment, of what could be read.

Upstream's meters tell mAP in a line json_stats. That line gets the figures of the segments beside
it, in its unit, where the data set is `Ak`; `measures` says so when a loader is made. Rows whose
labels are negative are black ones (`slowfast.ak.upstream.loader`), and count nowhere.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.metrics.average_precision import mean_figures, per_cent
from slowfast.ak.upstream.arguments import binder

logger = logging.getLogger(__name__)

_BY_CLIP = ("video_preds", "video_labels", "clip_count")


@dataclass
class _Measured:
    """Whether the data set is Ak, its segments, and the figures of the last mAP."""

    is_ak: bool = False
    segments: Sequence[str] | None = None
    figures: dict[str, float] = field(default_factory=dict)


_measured = _Measured()


def measures(cfg) -> None:
    """From here on the data set is Ak, configured so; None: another one."""
    table = read_class_table(cfg) if cfg else None
    _measured.is_ak, _measured.segments = cfg is not None, table.segments if table else None
    _measured.figures = {}


def get_map(preds: np.ndarray, labels: np.ndarray) -> float:
    """Mean average precision, a fraction; classes without a positive clip are left out, and where
    none has one it is 0.

    Args:
        preds, labels: (clips, classes).

    Raises UserError as `slowfast.ak.metrics.average_precision.average_precision` does.
    """
    figures = mean_figures(preds, labels, _measured.segments)
    figures["map"] = 0.0 if math.isnan(figures["map"]) else figures["map"]
    _measured.figures = figures if _measured.is_ak else {}
    return figures["map"]


def prepare(test_meter: type, val_meter: type) -> None:
    """Let upstream's meters leave out what does not count, and tell segments in the log."""
    from slowfast.utils import logging as upstream_logging

    test_meter.reset = _sums_from_zero(test_meter.reset)
    test_meter.update_stats = _drops_views(test_meter.update_stats)
    test_meter.finalize_metrics = _of_seen_clips(test_meter.finalize_metrics)
    val_meter.update_predictions = _drops_clips(val_meter.update_predictions)
    upstream_logging.log_json_stats = _tells_segments(upstream_logging.log_json_stats)


def _for_ak_alone(
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrapped methods do as before with other data sets: there -1 may be a class that is not known,
    of clips whose scores are wanted."""

    def wrap_for_ak(method: Callable[..., Any]) -> Callable[..., Any]:
        changed = wrap(method)

        @functools.wraps(method)
        def chosen(*args: Any, **kwargs: Any) -> Any:
            return (changed if _measured.is_ak else method)(*args, **kwargs)

        return chosen

    return wrap_for_ak


def _sums_from_zero(reset: Callable[..., Any]) -> Callable[..., Any]:
    """Upstream starts sums of many labels so far below 0 that nothing adds to them in float32."""

    @functools.wraps(reset)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = reset(self, *args, **kwargs)
        if self.ensemble_method == "sum":
            self.video_preds.zero_()
        return result

    return wrapped


@_for_ak_alone
def _drops_views(update_stats: Callable[..., Any]) -> Callable[..., Any]:
    """A clip that could not be read is left with labels of -1, by which saved results tell it."""
    bind = binder(update_stats, "preds", "labels", "clip_ids")

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = bind(self, *args, **kwargs)
        lost = _drop(given.arguments, "clip_ids")["clip_ids"]
        of_clips = lost[lost >= 0]  # a row that fills up is of none
        self.video_labels[of_clips.to(self.video_labels.device) // self.num_clips] = -1
        return update_stats(*given.args, **given.kwargs)

    return wrapped


@_for_ak_alone
def _drops_clips(update_predictions: Callable[..., Any]) -> Callable[..., Any]:
    bind = binder(update_predictions, "preds", "labels")

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        _drop(given.arguments)
        return update_predictions(*given.args, **given.kwargs)

    return wrapped


def _drop(arguments: dict[str, Any], *others: str) -> dict[str, Tensor]:
    """Take the rows that count nowhere out of `preds`, `labels` (n, C) or (n,), and others; these
    rows of each are returned."""
    labels = arguments["labels"]
    counts = (labels if labels.ndim == 1 else labels.amin(dim=1)) >= 0
    dropped = {}
    for name in ("preds", "labels", *others):
        rows, kept = arguments[name], counts.to(arguments[name].device)
        arguments[name], dropped[name] = rows[kept], rows[~kept]
    return dropped


@_for_ak_alone
def _of_seen_clips(finalize_metrics: Callable[..., Any]) -> Callable[..., Any]:
    """Without clips of which no view came; the meter keeps them."""

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen = self.clip_count > 0
        if seen.all() or not seen.any():
            return finalize_metrics(self, *args, **kwargs)
        logger.warning(f"Clips left out of all figures: {int((~seen).sum())} of {len(seen)}.")
        whole = {name: getattr(self, name) for name in _BY_CLIP}
        vars(self).update({name: rows[seen] for name, rows in whole.items()})
        try:
            return finalize_metrics(self, *args, **kwargs)
        finally:
            vars(self).update(whole)

    return wrapped


def _tells_segments(log_json_stats: Callable[..., Any]) -> Callable[..., Any]:
    """`log_json_stats`, which adds the figures that were found with the `map` of a line."""
    bind = binder(log_json_stats, "stats")

    @functools.wraps(log_json_stats)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        stats = given.arguments["stats"]
        given.arguments["stats"] = {**_beside(stats.get("map")), **stats}
        return log_json_stats(*given.args, **given.kwargs)

    return wrapped


def _beside(told: float | str | None) -> dict[str, float | str | None]:
    """Figures for the line that tells the last mAP so: a fraction, or a text in per cent; None for
    a segment without a positive clip."""
    figures = {key: value for key, value in _measured.figures.items() if key != "map"}
    whole = _measured.figures.get("map")
    if isinstance(told, str) and whole is not None and told == per_cent(whole):
        return {key: per_cent(value) for key, value in figures.items()}
    if isinstance(told, float) and told == whole:
        return {key: None if math.isnan(value) else value for key, value in figures.items()}
    return {}
