"""Training clips of each class, as the losses want them.

They are counted in the training list: clips, not lines. Animal Kingdom's df_action.xlsx has other
numbers, which sum to 48,038 where the training clips have 51,973 labels; the sheet may be named to
reproduce what was trained with it. Its rows are attached by class name
(`slowfast.ak.classes.table`).
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast.ak.classes.table import ClassTable, class_rows, named_sheet
from slowfast.ak.clips.from_cfg import has_list, read_clips
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.losses import LossState, arguments_from_cfg, context
from slowfast.ak.registries.datasets import facts_for

logger = logging.getLogger(__name__)

_KEY = "LOSS.CLASS_COUNTS"


class ClassCounts(NamedTuple):
    """`counts`: (C,) clips that carry each class. `num_clips`: clips there are, None where that is
    not known. `source`: in words, where they come from."""

    counts: np.ndarray
    num_clips: int | None
    source: str


def class_counts_from_cfg(cfg, clips: ClipList | None = None) -> ClassCounts:
    """Counts of the sheet LOSS.CLASS_COUNTS, or, where that is empty, of the training clips.

    clips: the training clips; without them the training list, which a process reads once.
    Raises UserError for a sheet or a list that cannot be read, or that does not fit.
    """
    num_classes, sheet = cfg.MODEL.NUM_CLASSES, cfg.LOSS.CLASS_COUNTS
    if clips is None:
        clips = _training_clips(cfg, is_needed=not sheet)
    num_clips = None if clips is None else len(clips)
    if sheet:
        counts, source = read_counts(named_sheet(sheet, _KEY), num_classes)
        return ClassCounts(counts, num_clips, source)
    return ClassCounts(clips.class_counts(num_classes), num_clips, f"by the clips of {clips.path}")


def _training_clips(cfg, is_needed: bool) -> ClipList | None:
    """The clips of the training list; None where they are not needed and there is no such list."""
    is_ours = bool(facts_for(cfg).list_format)
    if not is_needed and not (is_ours and has_list(cfg, "train")):
        return None
    try:
        return read_clips(cfg, "train")
    except UserError as error:
        if is_ours:
            raise
        raise UserError(
            f"TRAIN.DATASET {cfg.TRAIN.DATASET}: the clips of each class cannot be counted. "
            f"{str(error).splitlines()[0]}\nName a sheet that has their numbers (xlsx or csv, "
            f"columns action, index, count) as {_KEY}."
        ) from None


def set_loss_context(cfg, rank: int = 0, class_counts: Sequence[float] | None = None) -> None:
    """Make class counts, seed, rank and arguments the context of ``slowfast.ak.losses``.

    Any loss that is built afterwards without them has them too, such as one that wraps another, or
    one that is built anew in each iteration. Counts are worked out when a loss first asks for them.

    rank: of this process, so that each draws for itself. class_counts: clips of each class; None:
    as LOSS.CLASS_COUNTS says.
    """

    def state() -> LossState:
        if class_counts is None:
            counts, num_clips, source = class_counts_from_cfg(cfg)
            logger.info(f"Classes are counted {source}.")
        else:
            counts, num_clips = class_counts, None
        if len(counts) != cfg.MODEL.NUM_CLASSES:
            raise UserError(
                f"class_counts: {len(counts)} numbers; MODEL.NUM_CLASSES is "
                f"{cfg.MODEL.NUM_CLASSES}, and each class has one."
            )
        return LossState(counts, num_clips, cfg.RNG_SEED, rank)

    context.set(state, functools.partial(arguments_from_cfg, cfg))


def read_class_table(cfg) -> ClassTable | None:
    """Names and segments of the classes of TRAIN.DATASET; None where nothing tells segments.

    Training clips are counted in the training list, where there is one, and in the part of it that
    AK.HOLDOUT keeps from training.
    """
    if not has_list(cfg, "train"):
        return ClassTable.from_cfg(cfg, None)
    splits = ("train", "val") if cfg.AK.HOLDOUT else ("train",)
    counts = [read_clips(cfg, split).class_counts(cfg.MODEL.NUM_CLASSES) for split in splits]
    return ClassTable.from_cfg(cfg, *counts)


def read_counts(path: Path, num_classes: int) -> tuple[np.ndarray, str]:
    """(num_classes,) float64 counts of a sheet, by class id, and in words how they were attached.

    Raises UserError, with the row, unless each class has one row, with a number from 0 on.
    """
    rows, source = class_rows(path, num_classes, _KEY)
    if "count" not in rows[0]:
        raise UserError(
            f"{path}: row 1: expected a column count, as {_KEY} names this sheet. Add it, or leave "
            "the key empty to count the training clips."
        )
    return np.array([_count(path, row) for row in rows]), source


def _count(path: Path, row: dict[str, str]) -> float:
    try:
        count = float(row["count"])
    except ValueError:
        count = math.nan
    if not 0 <= count < math.inf:
        raise UserError(
            f"{path}: row {row['row']}: expected as count a number from 0 on, found "
            f"{row['count']!r} ({row['name']}). Correct the sheet, or leave {_KEY} empty to count "
            "the training clips."
        )
    return count
