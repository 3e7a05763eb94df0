"""The classes that pictures show, and their names.

Names come from TENSORBOARD.CLASS_NAMES_PATH, a JSON object of names and class ids, or from the
table of classes of the data. Categories and subsets refer to classes by these names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.classes.label_sets import Classes, by_set
from slowfast.ak.errors import UserError


def class_names(cfg: CfgNode, classes: Classes) -> list[str]:
    """Returns a name for each class id. With several label sets, no picture shows the names."""
    count, path = cfg.MODEL.NUM_CLASSES, cfg.TENSORBOARD.CLASS_NAMES_PATH
    classes = by_set(classes).get("")
    names = list(classes.names) if classes else [str(number) for number in range(count)]
    if path:
        key = "TENSORBOARD.CLASS_NAMES_PATH"
        for name, number in read_class_ids(key, path, count).items():
            names[number] = name
    return names


def read_class_ids(key: str, path: str, count: int | None = None) -> dict[str, int]:
    """Reads a JSON object of class names and ids.

    Args:
        key: the key that names the file, for errors.
        count: the number of classes; None: not known.

    Raises:
        UserError: the file cannot be read, is empty, or has an id that no class has.
    """
    found = read_object(key, path, "names and class ids")
    expected = "a whole number from 0 on" if count is None else f"0 to {count - 1}"
    for name, number in found.items():
        is_id = isinstance(number, int) and number >= 0 and (count is None or number < count)
        if not is_id:
            raise UserError(
                f"{key}: {path}: {name} has the id {number!r}; expected {expected}. Each line is a "
                'name and its id, as in "walk": 0.'
            )
    if not found:
        raise UserError(f"{key}: {path}: has no class; expected names and class ids.")
    return found


def categories(cfg: CfgNode, names: Sequence[str]) -> dict[str, list[int]]:
    """Returns the classes of each category in TENSORBOARD.CATEGORIES_PATH; {} without a path."""
    key, path = "TENSORBOARD.CATEGORIES_PATH", cfg.TENSORBOARD.CATEGORIES_PATH
    found = read_object(key, path, "categories and lists of class names") if path else {}
    return {name: ids_of(key, path, members, names) for name, members in found.items()}


def subset(key: str, path: str, names: Sequence[str]) -> list[int]:
    """Returns the classes that a text file names, one per line; all classes without a path."""
    if not path:
        return list(range(len(names)))
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{key}: {path}: cannot be read: {error}") from None
    return ids_of(key, path, [line.strip() for line in lines if line.strip()], names)


def ids_of(key: str, path: str, members: Any, names: Sequence[str]) -> list[int]:
    """Returns the ids of one class name, or of a list of names, that the file at `path` has."""
    members = members if isinstance(members, list) else [members]
    if unknown := [member for member in members if member not in names]:
        raise UserError(
            f"{key}: {path}: there is no class {unknown[0]!r}; the first class is {names[0]!r}."
        )
    return [names.index(member) for member in members]


def read_object(key: str, path: str, what: str) -> dict[str, Any]:
    """Reads a JSON object of `what` (words for messages) from the file that a key names."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{key}: {path}: cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{key}: {path}: expected a JSON object of {what}.")
    return found
