"""The check that the figure which chooses the best evaluation can have a value."""

from __future__ import annotations

import numpy as np

from slowfast.ak.classes.label_sets import Classes, by_set
from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.registries.metrics import SEGMENT_ORDER, column_of, metric_of


def check_best_figure(key: str, classes: Classes, evaluated: np.ndarray | None = None) -> None:
    """Checks that a mean over a segment of classes is over one class at least.

    Args:
        key: TRAIN.BEST_METRIC, such as ``map_tail`` or ``animal/top1_macro_head``.
        classes: of the run; None: not known.
        evaluated: (C,) validation clips of each class, with one label set; None: not known.

    Raises:
        UserError: no evaluation would have a value of the figure.
    """
    owner, _, own_key = key.rpartition("/")
    table: ClassTable | None = by_set(classes).get(owner)
    if table is None or metric_of(key) == own_key or column_of(key) not in SEGMENT_ORDER:
        return
    segment = column_of(key)
    inside = np.array(table.segments) == segment
    if not inside.any():
        found, advice = "no class is in", "the segments (AK.CLASSES, AK.HEAD_MIN, AK.TAIL_MAX)"
    elif evaluated is not None and not np.asarray(evaluated)[inside].any():
        found, advice = "no validation clip has a class of", "the validation clips"
    else:
        return
    raise UserError(
        f"TRAIN.BEST_METRIC {key}: {found} the segment {segment} ({table.source}), so that no "
        f"evaluation has a value of this figure. Take another figure, or change {advice}."
    )
