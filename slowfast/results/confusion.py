"""The confusion matrix of a test with one class a clip, a table that a spreadsheet opens.

A row is a true class, a column a class that scores highest; a cell is a number of clips.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CORNER = "class \\ predicted"


def write_confusion(path: Path, clips: np.ndarray, names: Sequence[str]) -> None:
    """Writes the matrix. An OSError is raised as it comes.

    Args:
        clips: (C, C) numbers of clips, rows are true classes.
        names: names of the classes.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow([CORNER, *names])
        for name, row in zip(names, clips.tolist(), strict=True):
            writer.writerow([name, *row])
