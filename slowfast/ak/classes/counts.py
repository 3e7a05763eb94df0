"""The number of training clips of each class.

Clips are counted in the training list: clips, not lines. Animal Kingdom's df_action.xlsx has other
numbers: they sum to 48,038, while the training clips have 51,973 labels. LOSS.CLASS_COUNTS can name
that sheet, to reproduce results that were trained with it. Its rows are assigned to classes by name
(`slowfast.ak.classes.table`).
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast.ak.classes.table import ClassTable, class_rows, named_sheet
from slowfast.ak.clips.from_cfg import has_list, read_clips
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList

logger = logging.getLogger(__name__)

_KEY = "LOSS.CLASS_COUNTS"


class ClassCounts(NamedTuple):
    """Number of clips of each class.

    Args:
        counts: (C,) clips with each class.
        num_clips: number of clips; None: unknown.
        source: where the counts come from, in words.
    """

    counts: np.ndarray
    num_clips: int | None
    source: str


def class_counts_from_cfg(cfg, clips: ClipList | None = None) -> ClassCounts:
    """Counts of the sheet LOSS.CLASS_COUNTS or, if that is empty, of the training clips.

    Args:
        clips: the training clips; None: the clips of the training list.

    Raises:
        UserError: the sheet or the list cannot be read, or does not fit the number of classes.
    """
    num_classes, sheet = cfg.MODEL.NUM_CLASSES, cfg.LOSS.CLASS_COUNTS
    if sheet:
        counts, source = read_counts(named_sheet(sheet, _KEY), num_classes)
        clips = clips if clips is not None else _training_clips_if_readable(cfg)
        return ClassCounts(counts, None if clips is None else len(clips), source)
    if clips is None:
        clips = _training_clips(cfg)
    return ClassCounts(clips.class_counts(num_classes), len(clips), f"by the clips of {clips.path}")


def _training_clips_if_readable(cfg) -> ClipList | None:
    """The training clips; None if there is no list, or if it has the format of another data set."""
    try:
        return read_clips(cfg, "train") if has_list(cfg, "train") else None
    except UserError as error:
        logger.warning(
            f"The number of training clips is unknown, and the sum of {_KEY} is used in its place: "
            f"{str(error).splitlines()[0]}"
        )
        return None


def _training_clips(cfg) -> ClipList:
    try:
        return read_clips(cfg, "train")
    except UserError as error:
        raise UserError(
            f"TRAIN.DATASET {cfg.TRAIN.DATASET}: the clips of each class cannot be counted. "
            f"{error}\nCorrect the list, or name a sheet with their numbers (xlsx or csv, columns "
            f"action, index, count) as {_KEY}."
        ) from None


def read_class_table(cfg) -> ClassTable | None:
    """Names and segments of the classes of TRAIN.DATASET; None if the segments are unknown.

    Segments depend on the clips of the training list, if there is one, including the clips that
    AK.HOLDOUT keeps from training. Without a sheet, the folders of a tree name the classes.
    """
    if not has_list(cfg, "train"):
        return ClassTable.from_cfg(cfg, None)
    splits = ("train", "val") if cfg.AK.HOLDOUT else ("train",)
    lists = [read_clips(cfg, split) for split in splits]
    counts = [clips.class_counts(cfg.MODEL.NUM_CLASSES) for clips in lists]
    return ClassTable.from_cfg(cfg, *counts, names=lists[0].class_names)


def read_counts(path: Path, num_classes: int) -> tuple[np.ndarray, str]:
    """(num_classes,) float64 counts of a sheet, by class id, and their source in words.

    Raises:
        UserError: a class does not have one row with a number from 0 on; the text names the row.
    """
    rows, source = class_rows(path, num_classes, _KEY)
    if "count" not in rows[0]:
        raise UserError(
            f"{path}: row 1: expected a column count, which {_KEY} needs. Add it, or leave the "
            "key empty to count the training clips."
        )
    return np.array([_count(path, row) for row in rows]), source


def _count(path: Path, row: dict[str, str]) -> float:
    try:
        count = float(row["count"])
    except ValueError:
        count = math.nan
    if not 0 <= count < math.inf:
        raise UserError(
            f"{path}: row {row['row']}: expected a count from 0 on, found "
            f"{row['count']!r} ({row['name']}). Correct the sheet, or leave {_KEY} empty to count "
            "the training clips."
        )
    return count
