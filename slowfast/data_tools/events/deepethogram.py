"""Label tables of DeepEthogram: one row for each frame, one column of 0 and 1 for each behaviour.

    ,background,walking,sniffing
    0,1,0,0
    1,0,1,0

The file is `<video>_labels.csv` or `<video>_predictions.csv`. The first column is the frame, from
0. The first behaviour is the background, which is 1 where no other is. A row of -1 is a frame that
nobody labelled yet.
"""

from __future__ import annotations

import re

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, ReadOptions, add_frame_labels
from slowfast.data_tools.events.formats import add_format

_INDEX = {"", "unnamed: 0", "frame", "frames", "index"}
_BACKGROUNDS = {"background", "none", "other"}
_LABELS = {"0", "1", "-1", "0.0", "1.0", "-1.0"}
_ENDING = re.compile(r"_(labels|predictions|label|prediction)$", re.IGNORECASE)
_LOOKED_AT = 50  # rows, to recognise a table


def _fits(table: Table) -> bool:
    if len(table.rows) < 2 or table.sheet:
        return False
    names = table.rows[0][1]
    begin = _first_class(names)
    return len(names) > begin and all(
        len(cells) == len(names) and _LABELS.issuperset(cells[begin:])
        for _, cells in table.rows[1:_LOOKED_AT]
    )


def _first_class(names: tuple[str, ...]) -> int:
    """The number of the first column of a behaviour: 1, or 0 in a table without frame numbers."""
    return int(names[0].casefold() in _INDEX)


def _recognises(content: Content, options: ReadOptions) -> bool:
    return content.table(_fits) is not None


def read_labels(content: Content, options: ReadOptions) -> EventTable:
    """Returns the bouts of the video that the name of the file states.

    Raises:
        UserError: it is not such a table.
    """
    table = content.table(_fits)
    if table is None:
        raise UserError(
            f"{content.path}: is not a label table of DeepEthogram; expected a column of frames "
            "and columns of 0, 1 and -1"
        )
    names = table.rows[0][1]
    begin = _first_class(names)
    found = EventTable(classes=names[begin:])
    if not begin:
        found.notes.append(
            f"{content.path}: has no column of frame numbers; every column is a behaviour, and "
            "the rows are frames in order"
        )
    values = np.zeros((len(table.rows) - 1, len(names) - begin), dtype=np.int8)
    for number, (line, cells) in enumerate(table.rows[1:]):
        if len(cells) != len(names) or not _LABELS.issuperset(cells[begin:]):
            found.wrong(table.place(line), f"expected {len(names) - begin} labels of 0, 1 or -1")
        elif begin and cells[0] not in (str(number), f"{number}.0"):
            found.wrong(table.place(line), f"frame {cells[0]!r}: expected {number}, the next frame")
        else:
            values[number] = [int(float(cell)) for cell in cells[begin:]]
    found.background = names[begin] if names[begin].casefold() in _BACKGROUNDS else ""
    video = _ENDING.sub("", content.base_name)
    unknown = (values == -1).any(axis=1)
    if unknown.any():
        found.notes.append(
            f"{content.path}: {int(unknown.sum())} of {len(values)} frames are not labelled (-1)"
        )
    labels = (values == 1) & ~unknown[:, None]
    place = table.place(table.rows[0][0])
    add_frame_labels(found, place, video, labels, names[begin:], options, unknown=unknown)
    return found


add_format("deepethogram", "labels of DeepEthogram", _recognises, read_labels)
