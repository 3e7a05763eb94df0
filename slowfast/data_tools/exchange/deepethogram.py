"""Label tables of DeepEthogram, written: one row for each frame, one column for each behaviour.

The first behaviour is the background, which is 1 where no other is. Frames that nobody labelled are
rows of -1; DeepEthogram does not train on a video with such rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slowfast.data_tools.exchange.film import Film, classes_of
from slowfast.data_tools.exchange.frame_labels import frame_labels, unlabelled_frames
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import add_writer, put, targets

_BACKGROUND = "background"


def write_deepethogram(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table for each film: `path` for one, `path`/<video>_labels.csv for several.

    Raises:
        UserError: the number of frames, or the rate, of a video is not known, or a file cannot be
            written.
    """
    names = [name for name in classes_of(films, classes) if name != _BACKGROUND]
    written = []
    for film, target in targets(films, path, "_labels.csv"):
        labels = frame_labels(film, names, report)
        unknown = unlabelled_frames(film)
        values = np.column_stack([~labels.any(axis=1), labels]).astype(np.int8)
        values[unknown] = -1
        if len(values) < len(names) + 1:
            report.note(
                f"{target}: has fewer frames than classes; DeepEthogram takes its rows for columns"
            )
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["", _BACKGROUND, *names])
        table.writerows([number, *row] for number, row in enumerate(values.tolist()))
        written.append(put(target, text.getvalue().encode()))
    return written


add_writer(
    "deepethogram",
    "labels of DeepEthogram (<video>_labels.csv)",
    reads_as="deepethogram",
    endings=("_labels.csv",),
    keeps=("empty videos", "observed time", "unlabelled time"),
    write=write_deepethogram,
    one_file_each=True,
)
