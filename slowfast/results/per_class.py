"""The table of classes of a test, which a spreadsheet opens.

It is `per_class_ap.csv` for clips with several classes, and `per_class.csv` for clips with one
class each; with several label sets, one table a set, such as `per_class_animal.csv`.

Columns: id, name, segment, training_count and test_count (clips that carry the class), and one
column for each measure, in 0 to 1: AP; or recall, top-3, top-5, precision and F1. A class without a
test clip has "no test clip" there. Unknown values stay empty.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figures import Figures

_FIRST_COLUMNS = ["id", "name", "segment", "training_count", "test_count"]
_AVERAGE_PRECISION = "AP"
NO_TEST_CLIP = "no test clip"


@dataclass(frozen=True)
class ClassResult:
    """One class of a test, and its measures by the head of their column, nan if unknown."""

    id: int
    name: str
    segment: str
    training_count: int | None
    test_count: int
    measures: dict[str, float]

    @property
    def ap(self) -> float:
        """The average precision; nan if it is unknown."""
        return self.measures.get(_AVERAGE_PRECISION, nan)


def results_of(figures: Figures, classes: ClassTable | None) -> list[ClassResult]:
    """Returns the rows of the classes of some figures, in the order of their ids."""
    measures = {head: figures.by_class(name) for head, name in figures.class_columns.items()}
    return class_results(measures, figures.positives, classes)


def class_results(
    measures: Mapping[str, np.ndarray] | np.ndarray,
    test_counts: np.ndarray,
    classes: ClassTable | None,
) -> list[ClassResult]:
    """Returns one row per class, in the order of their ids.

    Args:
        measures: (C,) by the head of their column, nan for a class without a value; or the average
            precisions (C,) alone.
        test_counts: (C,) numbers of clips.
        classes: names and segments; None: not known.
    """
    if not isinstance(measures, Mapping):
        measures = {_AVERAGE_PRECISION: measures}
    counts = classes.train_counts if classes else None
    return [
        ClassResult(
            index,
            classes.names[index] if classes else str(index),
            classes.segments[index] if classes else "",
            None if counts is None else int(counts[index]),
            int(test_count),
            {head: float(values[index]) for head, values in measures.items()},
        )
        for index, test_count in enumerate(test_counts)
    ]


def write_class_results(path: Path, results: list[ClassResult]) -> None:
    """Writes the table. An OSError is raised as it comes."""
    heads = list(results[0].measures) if results else [_AVERAGE_PRECISION]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow([*_FIRST_COLUMNS, *heads])
        for row in results:
            cells = [_cell(row, head) for head in heads]
            first = [row.id, row.name, row.segment, row.training_count, row.test_count]
            writer.writerow([*first, *cells])


def _cell(row: ClassResult, head: str) -> str:
    if not row.test_count:
        return NO_TEST_CLIP
    value = row.measures[head]
    return "" if isnan(value) else f"{value:.6f}"


def read_class_results(path: Path) -> list[ClassResult]:
    """Reads a table that `write_class_results` wrote.

    Raises:
        UserError: the file is missing, or is not such a table.
    """
    known = len(_FIRST_COLUMNS)
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0][:known] != _FIRST_COLUMNS or len(rows[0]) == known:
            raise ValueError(f"its columns are not {', '.join(_FIRST_COLUMNS)} and measures")
        return [_read_row(row, rows[0][known:]) for row in rows[1:]]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path}: cannot be read as the table of classes of a test: {reason}"
        ) from None


def _read_row(row: list[str], heads: list[str]) -> ClassResult:
    index, name, segment, trained, tested, *cells = row
    values = [nan if cell in ("", NO_TEST_CLIP) else float(cell) for cell in cells]
    measures = dict(zip(heads, values, strict=True))
    training_count = int(trained) if trained else None
    return ClassResult(int(index), name, segment, training_count, int(tested), measures)
