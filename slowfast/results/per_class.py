"""The table of classes of a test, `per_class_ap.csv`, which a spreadsheet opens.

Columns: id, name, segment, training_count and test_count (clips that carry the class), AP (0 to 1;
"no test clip" for a class without one). Unknown values stay empty.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError

COLUMNS = ["id", "name", "segment", "training_count", "test_count", "AP"]
NO_TEST_CLIP = "no test clip"


@dataclass(frozen=True)
class ClassResult:
    """One class of a test; its average precision is nan if it has no test clip."""

    id: int
    name: str
    segment: str
    training_count: int | None
    test_count: int
    ap: float


def class_results(
    ap: np.ndarray, test_counts: np.ndarray, classes: ClassTable | None
) -> list[ClassResult]:
    """Returns one row per class, in the order of their ids.

    Args:
        ap: (C,), nan for a class without a test clip.
        test_counts: (C,) numbers of clips.
        classes: names and segments; None: not known.
    """
    ids = range(len(ap))
    counts = classes.train_counts if classes else None
    return [
        ClassResult(
            index,
            classes.names[index] if classes else str(index),
            classes.segments[index] if classes else "",
            None if counts is None else int(counts[index]),
            int(test_counts[index]),
            float(ap[index]),
        )
        for index in ids
    ]


def write_class_results(path: Path, results: list[ClassResult]) -> None:
    """Writes the table. An OSError is raised as it comes."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in results:
            ap = f"{row.ap:.6f}" if row.test_count else NO_TEST_CLIP
            writer.writerow([row.id, row.name, row.segment, row.training_count, row.test_count, ap])


def read_class_results(path: Path) -> list[ClassResult]:
    """Reads a table that `write_class_results` wrote.

    Raises:
        UserError: the file is missing, or is not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0] != COLUMNS:
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
        return [
            ClassResult(
                int(index),
                name,
                segment,
                int(trained) if trained else None,
                int(tested),
                float("nan") if ap == NO_TEST_CLIP else float(ap),
            )
            for index, name, segment, trained, tested, ap in rows[1:]
        ]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path}: cannot be read as the table of classes of a test: {reason}"
        ) from None
