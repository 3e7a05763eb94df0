"""Names of the classes, and which of them belong to head, middle and tail.

Both come from a sheet like Animal Kingdom's df_action.xlsx: columns action_category, action, index,
segment, count. `index` is the class id. Animal Kingdom's own sheet has a few names on wrong ids:
"Flapping Tail" has 50 there, while all clips that show it carry 49. Therefore a sheet with Animal
Kingdom's class names is replaced by the corrected table beside this module, which was made by
viewing clips of each id. Segments still come from the sheet, by name.

Without a sheet, segments follow from the number of training clips of each class, including the
clips that a hold-out keeps from training. `slowfast.ak.classes.counts` reads the counts of a
sheet.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openpyxl import load_workbook

from slowfast.ak.errors import UserError

SEGMENTS = ("head", "middle", "tail")
SHEETS = (
    "df_action.xlsx",
    "df_action_count.xlsx",
)  # the name in the data set; the name in the published code
ANIMAL_KINGDOM = Path(__file__).with_name("animal_kingdom.csv")
# Names of the columns in the sheets and in the table of this module.
_COLUMNS = {
    "id": ("index", "id"),
    "name": ("action", "name"),
    "segment": ("segment",),
    "count": ("count",),
}


@dataclass(frozen=True)
class ClassTable:
    """Name and segment of each class, by its id.

    Args:
        names: name of each class.
        segments: "head", "middle" or "tail" for each class.
        source: how the segments were defined, in words.
        train_counts: (classes,) training clips with each class; None: unknown.
    """

    names: list[str]
    segments: list[str]
    source: str
    train_counts: np.ndarray | None = None

    @classmethod
    def from_cfg(
        cls,
        cfg,
        train_counts: np.ndarray | None,
        held_out: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> ClassTable | None:
        """The table of AK.CLASSES, or of the sheet beside the lists, or by training counts.

        Args:
            train_counts: (classes,) training clips of each class; None: unknown.
            held_out: (classes,) clips that AK.HOLDOUT keeps from training.
            names: of the first classes, if no sheet has names; other classes have their numbers.

        Returns:
            the table, or None if neither a sheet nor counts give segments.

        Raises:
            UserError: the sheet cannot be read, or does not fit the number of classes.
        """
        sheet = find_sheet(cfg.AK.CLASSES, cfg.DATA.PATH_TO_DATA_DIR)
        limits = cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX
        return cls.make(sheet, cfg.MODEL.NUM_CLASSES, train_counts, *limits, held_out, names)

    @classmethod
    def make(
        cls,
        sheet: Path | None,
        num_classes: int,
        train_counts: np.ndarray | None,
        head_min: int,
        tail_max: int,
        held_out: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> ClassTable | None:
        """The same as `from_cfg`, with plain arguments."""
        if sheet is None:
            names = [*names, *map(str, range(len(names), num_classes))]
            segments, source = None, ""
        else:
            names, segments, source = read_sheet(sheet, num_classes)
        if segments is None:
            if train_counts is None:
                return None
            source = f"by training clips: head from {head_min} on, tail up to {tail_max}"
            counts = train_counts
            if held_out is not None:
                # So a hold-out does not move a class to another segment.
                counts = train_counts + held_out
                source += ", held-out clips counted too"
            segments = segments_by_count(counts, head_min, tail_max)
        return cls(names, segments, source, train_counts)


def count_classes(path: Path) -> int:
    """The number of classes of a sheet. Raises UserError if it cannot be read."""
    return len(_read_rows(path))


def segments_by_count(counts: Sequence[int], head_min: int, tail_max: int) -> list[str]:
    """The segment of each class: head from head_min clips on, tail up to tail_max, else middle."""
    return [
        "head" if count >= head_min else "tail" if count <= tail_max else "middle"
        for count in counts
    ]


def find_sheet(given: str, folder: str) -> Path | None:
    """The given sheet, or one of SHEETS in the folder of the lists; None if there is none."""
    if given:
        return named_sheet(given, "AK.CLASSES")
    paths = [Path(folder, name) for name in SHEETS]
    return next((path for path in paths if path.is_file()), None)


def named_sheet(path: str, key: str) -> Path:
    """The path of a sheet that a key names. Raises UserError if there is no such file."""
    if not Path(path).is_file():
        raise UserError(f"{key}: there is no file {path}. Correct it, or leave it empty.")
    return Path(path)


def read_sheet(
    path: Path,
    num_classes: int,
    key: str = "AK.CLASSES",
    classes_key: str = "MODEL.NUM_CLASSES",
) -> tuple[list[str], list[str] | None, str]:
    """Names, segments (None without such a column) and their source in words, from a sheet.

    Args:
        key, classes_key: as for `class_rows`.

    Raises:
        UserError: `class_rows` raises it, or a segment has another name; the text names the row.
    """
    rows, source = class_rows(path, num_classes, key, classes_key)
    for row in rows:
        if row.get("segment", "head").lower() not in SEGMENTS:
            raise UserError(
                f"{path}: row {row['row']}: expected segment head, middle or tail, found "
                f"{row['segment']!r}."
            )
    segments = [row["segment"].lower() for row in rows] if "segment" in rows[0] else None
    return [row["name"] for row in rows], segments, source


def class_rows(
    path: Path, num_classes: int, key: str, classes_key: str = "MODEL.NUM_CLASSES"
) -> tuple[list[dict[str, str]], str]:
    """The row of each class in a sheet, by class id, and in words how rows got their ids.

    A row has `row`, its number in the file, `id`, `name`, and `segment` and `count` if the sheet
    has these columns.

    Args:
        key: the configuration key that names the sheet, for errors.
        classes_key: the key of the number of classes, for errors.

    Raises:
        UserError: an id in 0..num_classes-1 does not have one row; the text names the row.
    """
    rows = _read_rows(path)
    source = f"by {path}"
    known = {_plain_name(row): row for row in _read_rows(ANIMAL_KINGDOM)}
    if {_plain_name(row) for row in rows} == known.keys():
        own = ("id", "name", "segment")
        rows = [row | {column: known[_plain_name(row)][column] for column in own} for row in rows]
        source = f"by {path}, assigned to Animal Kingdom's ids by class name"
    by_id: dict[int, dict[str, str]] = {}
    for row in rows:
        class_id = int(row["id"]) if row["id"].isdecimal() else -1
        if class_id in by_id or not 0 <= class_id < num_classes:
            raise UserError(
                f"{path}: row {row['row']}: expected each index in 0..{num_classes - 1} once, "
                f"found {row['id']!r} ({row['name']}); {classes_key} is {num_classes}. Correct "
                f"the sheet, or name another by {key}."
            )
        by_id[class_id] = row
    if len(by_id) != num_classes:
        missing = min(set(range(num_classes)) - set(by_id))
        raise UserError(
            f"{path}: {len(by_id)} classes, expected {num_classes} ({classes_key}); no row has "
            f"index {missing}. Correct the sheet, or name another by {key}."
        )
    return [by_id[i] for i in range(num_classes)], source


def _read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a sheet that are not blank, with `row` and the columns of _COLUMNS it has."""
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                between = max(",;\t", key=file.readline().count)  # Excel writes ; in some countries
                file.seek(0)
                cells = list(csv.reader(file, delimiter=between))
        else:
            sheet = load_workbook(path, read_only=True).worksheets[0]
            cells = list(sheet.iter_rows(values_only=True))
    except Exception as error:  # openpyxl raises many kinds for a file that is not a workbook
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
    return [
        {"row": str(number)}
        | {column: row[at] if at < len(row) else "" for column, at in place.items()}
        for number, row in enumerate(texts[1:], start=2)
        if any(row)
    ]


def _text(cell: object) -> str:
    """A cell as text; a float without a fraction, as spreadsheets store integers, as an integer."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


def _plain_name(row: dict[str, str]) -> str:
    """A class name without differences in case and spacing."""
    return " ".join(row["name"].split()).casefold()
