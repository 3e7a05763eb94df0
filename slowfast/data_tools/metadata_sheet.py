"""Reads clips, splits and labels from a sheet: Animal Kingdom's AR_metadata.xlsx, or a csv file.

    clip,split,labels              the csv; split is train, val or test, labels are class ids
    AAACXZTV,train,"2,40"

The column `labels` of the workbook decides. The workbook also has (animal, action) pairs. The table
of `slowfast.ak.classes.table` turns their actions into class ids, and for about 2,200 of 30,100
clips these differ from the labels. About 400 cells hold the pairs as a list of texts that are
lists themselves.
"""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from slowfast.ak.classes.table import ANIMAL_KINGDOM
from slowfast.ak.errors import UserError
from slowfast.data_tools.segments.mistakes import raise_mistakes

METADATA = "AR_metadata.xlsx"
# The possible names of each column: in the workbook, in a csv, in frame lists.
_COLUMNS = {
    "clip": ("video_id", "clip", "clip_id", "original_vido_id", "video"),
    "split": ("type", "split", "train_test"),
    "labels": ("labels", "label", "action_labels"),
    "pairs": ("list_animal_action",),
}
_SPLITS = {"train": "train", "val": "val", "test": "val", "valid": "val", "validation": "val"}


@dataclass(frozen=True)
class SheetClip:
    """A clip of a sheet.

    Attributes:
        split: train or val; val also stands for test.
        labels: class ids, sorted.
        row: number of its row in the sheet.
        pairs: text of the cell of (animal, action) pairs; None without such a column.
    """

    name: str
    split: str
    labels: tuple[int, ...]
    row: int
    pairs: str | None = None


def read_sheet_of_clips(path: Path) -> list[SheetClip]:
    """Reads the clips of a sheet, in its order.

    Raises:
        UserError: there is no such file or no sheet with these columns; or rows are wrong or repeat
            a clip, and the text lists them all with their numbers.
    """
    header, rows = _find_rows(path)
    place = {
        column: header.index(name)
        for column, names in _COLUMNS.items()
        for name in names
        if name in header
    }
    clips: dict[str, SheetClip] = {}
    mistakes: list[str] = []
    for number, row in rows:
        cells = {column: _text(row[at]) if at < len(row) else "" for column, at in place.items()}
        if not any(cells.values()):
            continue
        try:
            clip = _parse(number, cells)
            twin = clips.setdefault(clip.name, clip)
            if twin is not clip:
                raise UserError(f"clip {clip.name} is in row {twin.row} already")
        except UserError as error:
            mistakes.append(f"{path}: row {number}: {error}")
    raise_mistakes(mistakes)
    if not clips:
        raise UserError(f"{path}: no row below the header; expected one row for each clip.")
    return list(clips.values())


def _find_rows(path: Path) -> tuple[list[str], list[tuple[int, tuple]]]:
    """Finds the table with the needed columns; returns its header in lower case, and its rows with
    their numbers."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; expected {METADATA}, or a csv of clips.")
    found = []
    for rows in _tables(path):
        header = [_text(cell).casefold() for cell in rows[0][1]] if rows else []
        has = [any(name in header for name in _COLUMNS[c]) for c in ("clip", "split", "labels")]
        if all(has):
            return header, rows[1:]
        found.append(", ".join(filter(None, header)) or "nothing")
    raise UserError(
        f"{path}: expected the columns clip (or video_id), split (or type) and labels in its first "
        f"row, found {'; '.join(found)}."
    )


def _tables(path: Path) -> Iterator[list[tuple[int, tuple]]]:
    """Yields the tables of a file, each as a list of (row number, cells)."""
    try:
        if path.suffix.lower() == ".xlsx":
            for sheet in load_workbook(path, read_only=True, data_only=True).worksheets:
                yield list(enumerate(sheet.iter_rows(values_only=True), start=1))
        else:
            text = path.read_text(encoding="utf-8-sig")
            mark = ";" if ";" in text.partition("\n")[0] else ","
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
            yield list(enumerate(map(tuple, rows), start=1))
    except Exception as error:  # openpyxl raises many types for a file that is not a workbook
        raise UserError(f"{path}: cannot be read as a sheet (xlsx or csv): {error}") from None


def _parse(row: int, cells: dict[str, str]) -> SheetClip:
    """Returns one row as a clip.

    Raises:
        UserError: the row is wrong; the text does not name the file and the row.
    """
    if not cells["clip"]:
        raise UserError("the clip has no name")
    split = _SPLITS.get(cells["split"].casefold())
    if split is None:
        raise UserError(f"split {cells['split']!r}: expected train, val or test")
    parts = [part.strip() for part in re.split("[,;]", cells["labels"])] if cells["labels"] else []
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise UserError(f'labels {cells["labels"]!r}: expected class ids, such as "2,40"')
    labels = tuple(sorted({int(part) for part in parts}))
    return SheetClip(cells["clip"], split, labels, row, cells.get("pairs"))


def _text(cell: Any) -> str:
    """Returns a cell as text. Spreadsheets store integers as floats, so 2.0 becomes "2"."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


@dataclass(frozen=True)
class PairDifference:
    """A clip whose pairs have other actions than its labels.

    Attributes:
        only_labels, only_pairs: class ids that only one of the two has.
        unknown: actions of the pairs that are not in the table of classes.
    """

    clip: SheetClip
    only_labels: tuple[int, ...]
    only_pairs: tuple[int, ...]
    unknown: tuple[str, ...]


def pair_differences(clips: Iterable[SheetClip]) -> list[PairDifference]:
    """Finds the clips whose pairs differ from their labels, if the sheet has a column of pairs."""
    with ANIMAL_KINGDOM.open(encoding="utf-8", newline="") as file:
        ids = {_plain(row["name"]): int(row["id"]) for row in csv.DictReader(file)}
    found = []
    for clip in clips:
        if clip.pairs is None:
            continue
        actions = {_plain(action): action for action in _actions(clip.pairs)}
        shown = {ids[name] for name in actions.keys() & ids.keys()}
        unknown = sorted(actions[name] for name in actions.keys() - ids.keys())
        labels = set(clip.labels)
        if shown != labels or unknown:
            difference = (tuple(sorted(labels - shown)), tuple(sorted(shown - labels)))
            found.append(PairDifference(clip, *difference, tuple(unknown)))
    return found


def _actions(pairs: Any) -> Iterator[str]:
    """Yields the actions of a cell of (animal, action) pairs, which can contain such cells again
    as texts."""
    if isinstance(pairs, str):
        try:
            pairs = ast.literal_eval(pairs) if pairs else []
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            yield pairs  # reported as an unknown action
            return
    for entry in pairs if isinstance(pairs, list | tuple) else [str(pairs)]:
        if isinstance(entry, tuple) and len(entry) == 2:
            yield str(entry[1])
        elif isinstance(entry, str) and entry.startswith("["):
            yield from _actions(entry)
        else:
            yield str(entry)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
