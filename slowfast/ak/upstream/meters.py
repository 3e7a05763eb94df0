"""Changes upstream's meters: mAP is scikit-learn's, segments are added, and bad clips left out.

Upstream's meters write mAP to the log as a line json_stats. If the data set is `Ak`, the line gets
mAP by segment in the same unit. `measures` is called with each loader, so that the meters know the
data set. Rows with labels of -1 are left out (see `slowfast.ak.upstream.loader`).
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
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.registries.metrics import METRICS
from slowfast.ak.upstream.arguments import binder

logger = logging.getLogger(__name__)

_BY_CLIP = ("video_preds", "video_labels", "clip_count")


@dataclass
class _Measured:
    """Whether the data set is Ak, its segments, and the figures that go with the last mAP."""

    is_ak: bool = False
    segments: Sequence[str] | None = None
    figures: dict[str, float] = field(default_factory=dict)


_measured = _Measured()


def measures(cfg) -> None:
    """Sets that the data set is Ak, as configured; `cfg` None: another data set."""
    table = read_class_table(cfg) if cfg else None
    _measured.is_ak, _measured.segments = cfg is not None, table.segments if table else None
    _measured.figures = {}


def get_map(preds: np.ndarray, labels: np.ndarray) -> float:
    """Returns mean average precision as a fraction, over the classes that have a positive clip.

    It is 0 if no class has one.

    Args:
        preds, labels: (clips, classes).

    Raises:
        UserError: scores or labels cannot be ranked.
    """
    figures = Figures(preds, labels, _measured.segments).evaluation_line()
    # Upstream logs 0 where no class has a positive clip.
    figures["map"] = 0.0 if math.isnan(figures["map"]) else figures["map"]
    _measured.figures = figures if _measured.is_ak else {}
    return figures["map"]


def prepare(test_meter: type, val_meter: type) -> None:
    """Changes upstream's meters and its log in place."""
    from slowfast.utils import logging as upstream_logging

    test_meter.reset = _sums_from_zero(test_meter.reset)
    test_meter.update_stats = _drops_views(test_meter.update_stats)
    test_meter.finalize_metrics = _leaves_out_unseen_clips(test_meter.finalize_metrics)
    val_meter.update_predictions = _drops_clips(val_meter.update_predictions)
    upstream_logging.log_json_stats = _adds_segments(upstream_logging.log_json_stats)


def _only_for_ak(
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a wrapper that changes a method for the data set `Ak` only.

    Elsewhere a label of -1 can mean an unknown class of a clip whose scores are wanted.
    """

    def wrap_for_ak(method: Callable[..., Any]) -> Callable[..., Any]:
        changed = wrap(method)

        @functools.wraps(method)
        def chosen(*args: Any, **kwargs: Any) -> Any:
            return (changed if _measured.is_ak else method)(*args, **kwargs)

        return chosen

    return wrap_for_ak


def _sums_from_zero(reset: Callable[..., Any]) -> Callable[..., Any]:
    """Lets sums start at 0. Upstream starts them at -1e10, which drowns scores in float32."""

    @functools.wraps(reset)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = reset(self, *args, **kwargs)
        if self.ensemble_method == "sum":
            self.video_preds.zero_()
        return result

    return wrapped


@_only_for_ak
def _drops_views(update_stats: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves out rows with labels of -1. A clip that was not readable keeps labels of -1."""
    bind = binder(update_stats, "preds", "labels", "clip_ids")

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = bind(self, *args, **kwargs)
        lost = _drop(given.arguments, "clip_ids")["clip_ids"]
        of_clips = lost[lost >= 0]  # a row that fills a batch has no clip
        self.video_labels[of_clips.to(self.video_labels.device) // self.num_clips] = -1
        return update_stats(*given.args, **given.kwargs)

    return wrapped


@_only_for_ak
def _drops_clips(update_predictions: Callable[..., Any]) -> Callable[..., Any]:
    bind = binder(update_predictions, "preds", "labels")

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        _drop(given.arguments)
        return update_predictions(*given.args, **given.kwargs)

    return wrapped


def _drop(arguments: dict[str, Any], *others: str) -> dict[str, Tensor]:
    """Takes the rows with labels of -1 out of `preds`, `labels` (n, C) or (n,), and others.

    Returns:
        The rows that were taken out, by name.
    """
    labels = arguments["labels"]
    counts = (labels if labels.ndim == 1 else labels.amin(dim=1)) >= 0
    dropped = {}
    for name in ("preds", "labels", *others):
        rows, kept = arguments[name], counts.to(arguments[name].device)
        arguments[name], dropped[name] = rows[kept], rows[~kept]
    return dropped


@_only_for_ak
def _leaves_out_unseen_clips(finalize_metrics: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves clips without any view out of the figures. The meter keeps the clips."""

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen = self.clip_count > 0
        if seen.all() or not seen.any():
            return finalize_metrics(self, *args, **kwargs)
        logger.warning(f"{int((~seen).sum())} of {len(seen)} clips are left out of all figures.")
        whole = {name: getattr(self, name) for name in _BY_CLIP}
        vars(self).update({name: rows[seen] for name, rows in whole.items()})
        try:
            return finalize_metrics(self, *args, **kwargs)
        finally:
            vars(self).update(whole)

    return wrapped


def _adds_segments(log_json_stats: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `log_json_stats`, which adds the figures by segment to a line with a `map`."""
    bind = binder(log_json_stats, "stats")

    @functools.wraps(log_json_stats)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        stats = given.arguments["stats"]
        given.arguments["stats"] = {**_figures_for(stats.get("map")), **stats}
        return log_json_stats(*given.args, **given.kwargs)

    return wrapped


def _figures_for(logged_map: float | str | None) -> dict[str, float | str | None]:
    """Returns the figures that go with the `map` of a line, in its unit.

    Args:
        logged_map: the `map` of the line: a fraction, or a text in per cent.

    Returns:
        The figures by name; None for a segment without a positive clip. Nothing if `logged_map` is
        not the mAP that was computed last.
    """
    figures = {key: value for key, value in _measured.figures.items() if key != "map"}
    whole, text = _measured.figures.get("map"), METRICS.facts("map").text
    if isinstance(logged_map, str) and whole is not None and logged_map == text(whole):
        return {key: text(value) for key, value in figures.items()}
    if isinstance(logged_map, float) and logged_map == whole:
        return {key: None if math.isnan(value) else value for key, value in figures.items()}
    return {}
