"""Clips, splits and labels from a sheet: Animal Kingdom's AR_metadata.xlsx, or a csv of one's own.

    clip,split,labels              the csv; split is train, val or test, labels are class ids
    AAACXZTV,train,"2,40"

Notable: of the workbook, `labels` count. Its (animal, action) pairs name actions, which become ids
by the corrected table of `slowfast.ak.classes.table`; on some 2,200 of 30,100 clips the two
differ. Some
400 cells hold pairs as a list of texts that are lists themselves.
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

METADATA = "AR_metadata.xlsx"
# What the columns are called: in the workbook, in a csv, in frame lists.
_COLUMNS = {
    "clip": ("video_id", "clip", "clip_id", "original_vido_id", "video"),
    "split": ("type", "split", "train_test"),
    "labels": ("labels", "label", "action_labels"),
    "pairs": ("list_animal_action",),
}
_SPLITS = {"train": "train", "val": "val", "test": "val", "valid": "val", "validation": "val"}
_MOST_MISTAKES = 20


@dataclass(frozen=True)
class SheetClip:
    """A clip of a sheet. split: train or val, which is also the test's; pairs: the cell's text."""

    name: str
    split: str
    labels: tuple[int, ...]
    row: int
    pairs: str | None = None


def read_sheet_of_clips(path: Path) -> list[SheetClip]:
    """The clips of a sheet in its order.

    Raises:
        UserError: no such file, no sheet of these columns, or rows that cannot be understood or
            name a clip again, all of them at once with their numbers.
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
                raise UserError(f"clip {clip.name} stands in row {twin.row} already")
        except UserError as error:
            mistakes.append(f"{path}: row {number}: {error}")
    if mistakes:
        more = len(mistakes) - _MOST_MISTAKES
        lines = mistakes[:_MOST_MISTAKES] + ([f"... and {more} more"] if more > 0 else [])
        raise UserError("\n".join(lines))
    if not clips:
        raise UserError(f"{path}: no row below the header; expected a clip a row.")
    return list(clips.values())


def _find_rows(path: Path) -> tuple[list[str], list[tuple[int, tuple]]]:
    """The header, in small letters, of the sheet that has the columns, and its numbered rows."""
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
    """The numbered rows of each table of a file, read as they are asked for."""
    try:
        if path.suffix.lower() == ".xlsx":
            for sheet in load_workbook(path, read_only=True, data_only=True).worksheets:
                yield list(enumerate(sheet.iter_rows(values_only=True), start=1))
        else:
            text = path.read_text(encoding="utf-8-sig")
            mark = ";" if ";" in text.partition("\n")[0] else ","
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
            yield list(enumerate(map(tuple, rows), start=1))
    except Exception as error:  # whatever openpyxl meets in a file that is no workbook
        raise UserError(f"{path}: cannot be read as a sheet (xlsx or csv): {error}") from None


def _parse(row: int, cells: dict[str, str]) -> SheetClip:
    """One row; raises UserError without file and row."""
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
    """A cell as text; numbers that a spreadsheet made floats of are whole again."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


@dataclass(frozen=True)
class PairDifference:
    """A clip whose pairs name other actions than its labels.

    only_labels, only_pairs: class ids; unknown: actions that the table of classes does not have.
    """

    clip: SheetClip
    only_labels: tuple[int, ...]
    only_pairs: tuple[int, ...]
    unknown: tuple[str, ...]


def pair_differences(clips: Iterable[SheetClip]) -> list[PairDifference]:
    """The clips whose pairs, where there is such a column, differ from their labels."""
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
    """The actions of a cell of (animal, action) pairs; a text in it is such a cell again."""
    if isinstance(pairs, str):
        try:
            pairs = ast.literal_eval(pairs) if pairs else []
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            yield pairs  # told as an unknown action
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
