"""What the classes are called, and which belong to head, middle and tail.

Both come from a sheet like Animal Kingdom's df_action.xlsx: columns action_category, action, index,
segment, count. Its `index` is the class id, except in Animal Kingdom's own sheet, where a few names
sit on wrong ids: "Flapping Tail" has 50 there, while all clips that show it carry 49. A sheet with
Animal Kingdom's class names is therefore replaced by the corrected table beside this module, made
by looking at what the clips of each id show. Its segments are the sheet's, by name.

Without a sheet, segments follow from the number of training clips of each class.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openpyxl import load_workbook

from slowfast.ak.errors import UserError

SEGMENTS = ("head", "middle", "tail")
SHEETS = ("df_action.xlsx", "df_action_count.xlsx")  # as it ships; as the published code calls it
ANIMAL_KINGDOM = Path(__file__).with_name("animal_kingdom.csv")
# Columns under their names in the sheets and in the table of this module.
_COLUMNS = {"id": ("index", "id"), "name": ("action", "name"), "segment": ("segment",)}


@dataclass(frozen=True)
class ClassTable:
    """Name and segment of each class, by its id.

    segments: "head", "middle" or "tail" each. source: a text that says which definition they have.
    train_counts: (classes,) clips of the training list that carry each class, where known.
    """

    names: list[str]
    segments: list[str]
    source: str
    train_counts: np.ndarray | None = None

    @classmethod
    def from_cfg(cls, cfg, train_counts: np.ndarray | None) -> ClassTable | None:
        """The table for AK.CLASSES, or for the sheet beside the lists, or by training counts alone.

        train_counts: (classes,) training clips of each class, where known. None comes back where
        neither sheet nor counts tell segments. Raises UserError for a sheet that does not fit.
        """
        sheet = find_sheet(cfg.AK.CLASSES, cfg.DATA.PATH_TO_DATA_DIR)
        thresholds = cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX
        return cls.make(sheet, cfg.MODEL.NUM_CLASSES, train_counts, *thresholds)

    @classmethod
    def make(
        cls,
        sheet: Path | None,
        num_classes: int,
        train_counts: np.ndarray | None,
        head_min: int,
        tail_max: int,
    ) -> ClassTable | None:
        """What `from_cfg` does, by plain arguments."""
        if sheet is None:
            names, segments, source = [str(i) for i in range(num_classes)], None, ""
        else:
            names, segments, source = read_sheet(sheet, num_classes)
        if segments is None:
            if train_counts is None:
                return None
            segments = segments_by_count(train_counts, head_min, tail_max)
            source = f"by training clips: head from {head_min} on, tail up to {tail_max}"
        return cls(names, segments, source, train_counts)


def count_classes(path: Path) -> int:
    """How many classes a sheet has. Raises UserError where it cannot be read."""
    return len(_read_rows(path))


def segments_by_count(counts: Sequence[int], head_min: int, tail_max: int) -> list[str]:
    """The segment of each class: head from head_min clips on, tail up to tail_max, else middle."""
    return [
        "head" if count >= head_min else "tail" if count <= tail_max else "middle"
        for count in counts
    ]


def find_sheet(given: str, folder: str) -> Path | None:
    """The sheet that was asked for, or one of SHEETS in the folder of the lists; None without."""
    if given:
        if not Path(given).is_file():
            raise UserError(f"AK.CLASSES: there is no file {given}. Correct it, or leave it empty.")
        return Path(given)
    paths = [Path(folder, name) for name in SHEETS]
    return next((path for path in paths if path.is_file()), None)


def read_sheet(path: Path, num_classes: int) -> tuple[list[str], list[str] | None, str]:
    """Names, segments (None where the sheet has no such column) and their source, from a sheet.

    Raises UserError, with the row, unless each id in 0..num_classes-1 has one row.
    """
    rows = _read_rows(path)
    source = f"by {path}"
    if _names(rows.values()) == _names(known := _read_rows(ANIMAL_KINGDOM).values()):
        rows = dict(enumerate(known, start=2))
        source = f"by {path}, attached to Animal Kingdom's ids by class name"
    by_id: dict[int, dict[str, str]] = {}
    for line, row in rows.items():
        class_id = int(row["id"]) if row["id"].isdecimal() else -1
        if class_id in by_id or not 0 <= class_id < num_classes:
            raise UserError(
                f"{path}: row {line}: expected each index in 0..{num_classes - 1} once, found "
                f"{row['id']!r} ({row['name']}); MODEL.NUM_CLASSES is {num_classes}. Correct the "
                "sheet, or name another by AK.CLASSES."
            )
        if row.get("segment", "head").lower() not in SEGMENTS:
            raise UserError(
                f"{path}: row {line}: expected segment head, middle or tail, found "
                f"{row['segment']!r}."
            )
        by_id[class_id] = row
    if len(by_id) != num_classes:
        lacking = min(set(range(num_classes)) - set(by_id))
        raise UserError(
            f"{path}: {len(by_id)} classes, expected {num_classes} (MODEL.NUM_CLASSES); no row has "
            f"index {lacking}. Correct the sheet, or name another by AK.CLASSES."
        )
    ordered = [by_id[i] for i in range(num_classes)]
    segments = [row["segment"].lower() for row in ordered] if "segment" in ordered[0] else None
    return [row["name"] for row in ordered], segments, source


def _read_rows(path: Path) -> dict[int, dict[str, str]]:
    """The filled rows of a sheet by row number: `id`, `name` and, where there is one, `segment`."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                cells = list(csv.reader(file))
        else:
            sheet = load_workbook(path, read_only=True).worksheets[0]
            cells = list(sheet.iter_rows(values_only=True))
    except Exception as error:  # whatever openpyxl meets in a file that is no workbook
        raise UserError(f"{path}: cannot be read as a sheet (xlsx or csv): {error}") from None
    texts = [[_text(cell) for cell in row] for row in cells]
    header = [cell.casefold() for cell in texts[0]] if texts else []
    place = {
        column: header.index(name)
        for column, names in _COLUMNS.items()
        for name in names
        if name in header
    }
    if not {"id", "name"} <= place.keys():
        raise UserError(
            f"{path}: row 1: expected the columns action, index and, for head, middle and tail, "
            f"segment; found {', '.join(filter(None, header)) or 'none'}."
        )
    return {
        line: {column: row[at] if at < len(row) else "" for column, at in place.items()}
        for line, row in enumerate(texts[1:], start=2)
        if any(row)
    }


def _text(cell: object) -> str:
    """A cell as text; numbers that a spreadsheet made floats of are whole again."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


def _names(rows: Iterable[dict[str, str]]) -> set[str]:
    """Class names as sheets agree on them: whatever the case and the spacing."""
    return {" ".join(row["name"].split()).casefold() for row in rows}
