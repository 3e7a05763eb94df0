"""The classes that a network predicts: their names, and which of them had a training clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.classes.label_sets import by_set
from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import classes_key, numbers_of_classes
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config.dotted import get
from slowfast.config.provenance import source_of
from slowfast.tasks import build_task
from slowfast.utils import logging

logger = logging.get_logger(__name__)

# The begin of the source of the settings that a checkpoint stores.
STORED = "configuration in"
_SHOWN = 8  # most classes to name


@dataclass(frozen=True)
class KnownClasses:
    """The classes of a network.

    The classes of a network with several label sets stand side by side. A name that two classes
    have is followed by the label set, or by the number of the class.

    Attributes:
        names: of all C classes of the network.
        predicted: numbers of the classes that are predicted: those that had a training clip.
        without_clips: names of the others.
        training_clips: their number for each predicted class, by name; None: not known.
    """

    names: tuple[str, ...]
    predicted: tuple[int, ...]
    without_clips: tuple[str, ...]
    training_clips: dict[str, int] | None = None

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """The names of the predicted classes."""
        return tuple(self.names[number] for number in self.predicted)


def sheet_keys(cfg: CfgNode) -> list[str]:
    """The keys that name sheets with the names of the classes of the configured network."""
    sets = NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets
    return [_sheet_key(name) for name in sets or ("",)]


def _sheet_key(label_set: str) -> str:
    return f"COMPOSITION.CLASSES_{label_set.upper()}" if label_set else "AK.CLASSES"


def is_stored(cfg: CfgNode, key: str) -> bool:
    """Whether a key has a value that the checkpoint stores, and not one of this command."""
    return bool(get(cfg, key)) and source_of(cfg, key).startswith(STORED)


def known_classes(cfg: CfgNode, path: str, stored: Mapping[str, Any]) -> KnownClasses:
    """Returns the classes of the configured network.

    A sheet that the user names now gives the names; else the checkpoint, if it has them; else the
    sheet and the lists of the training data, if they are here. Without any, classes are numbered.

    Args:
        path: the checkpoint, for messages.
        stored: its entries ``class_names`` and ``train_counts``, by label set if there are several.

    Raises:
        UserError: names or counts do not fit the number of classes, or no class can be predicted.
    """
    sets = NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets
    sizes = numbers_of_classes(cfg, sets) if sets else {"": cfg.MODEL.NUM_CLASSES}
    names, counts = (by_set(stored.get(key) or {}) for key in ("class_names", "train_counts"))
    renamed = any(get(cfg, key) and not is_stored(cfg, key) for key in sheet_keys(cfg))
    complete = all(name in names and name in counts for name in sizes)
    tables = {} if complete and not renamed else _tables(cfg)
    all_names: list[tuple[str, int, str]] = []
    all_counts: list[int] = []
    numbered, uncounted = [], []
    for name, size in sizes.items():
        table = tables.get(name)
        own = names.get(name) if not (renamed and table) else None
        own = own or (table.names if table else None) or list(map(str, range(size)))
        of_table = table.train_counts if table else None
        number_of = counts.get(name) or (None if of_table is None else of_table.tolist())
        _check(path, own, number_of, size, classes_key(name))
        numbered += [name] * (list(own) == list(map(str, range(size))))
        uncounted += [name] * (number_of is None)
        all_names += [(name, number, str(each)) for number, each in enumerate(own)]
        all_counts += [1] * size if number_of is None else number_of
    _warn(path, numbered, uncounted)
    unique = _unique(all_names)
    predicted = tuple(number for number, clips in enumerate(all_counts) if clips > 0)
    without = tuple(name for name, clips in zip(unique, all_counts, strict=True) if clips <= 0)
    if not predicted:
        raise UserError(f"{path}: no class had a training clip, so that none can be predicted.")
    if without:
        shown = ", ".join(without[:_SHOWN]) + (", ..." if len(without) > _SHOWN else "")
        logger.warning(
            f"{len(without)} of {len(unique)} classes had no training clip and are not predicted: "
            f"{shown}"
        )
    clips = None if uncounted else {unique[number]: int(all_counts[number]) for number in predicted}
    return KnownClasses(unique, predicted, without, clips)


def _tables(cfg: CfgNode) -> Mapping[str, ClassTable | None]:
    """The classes by the sheets and lists of the training data, as far as they are here."""
    if not NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets:
        return {"": read_class_table(cfg)}
    return by_set(build_task(cfg, torch.device("cpu"), trains=False).classes)


def _check(
    path: str, names: Sequence[str], counts: Sequence[int] | None, size: int, key: str
) -> None:
    """Raises UserError if names or counts are not those of `size` classes."""
    for what, values in (("names of classes", names), ("numbers of training clips", counts)):
        if values is not None and len(values) != size:
            raise UserError(
                f"{path}: has {len(values)} {what}, and {key} is {size}. Leave {key} as the "
                "checkpoint has it, or name the right --cfg."
            )


def _warn(path: str, numbered: Sequence[str], uncounted: Sequence[str]) -> None:
    """Warns of label sets without names and without counts."""
    if numbered:
        of = f" of {' and '.join(numbered)}" if any(numbered) else ""
        sheets = " and ".join(map(_sheet_key, numbered))
        logger.warning(
            f"{path}: has no names of classes{of}, so that they are numbered. "
            f"{sheets} can name a sheet with the columns index and action."
        )
    if uncounted:
        of = f" of {' and '.join(uncounted)}" if any(uncounted) else ""
        logger.warning(
            f"{path}: does not say how many training clips each class{of} had, so that all are "
            "predicted. A class that had none has no meaningful score."
        )


def _unique(names: Sequence[tuple[str, int, str]]) -> tuple[str, ...]:
    """Different names of classes (label set, number, name)."""
    count = Counter(name for *_, name in names)
    first = [name if count[name] == 1 else f"{name} ({own or k})" for own, k, name in names]
    again = Counter(first)
    pairs = zip(first, names, strict=True)
    return tuple(each if again[each] == 1 else f"{each} ({k})" for each, (_, k, _) in pairs)
