"""Tables of intervals, one in each row: the table of this project, and others with usual names.

    video,start,end,split,labels
    fox.mp4,1.2,4.8,train,walking;sniffing

Columns can have other names (see `headers`), more columns can follow, and there can be a duration
instead of an end. Times are seconds, m:ss, h:mm:ss.fff, milliseconds, or frame numbers from 0; the
end is the first moment, or frame, that no longer belongs to the interval. A row whose end is its
start is a point event; so is each row of a table without ends. With `ReadOptions.whole_videos` a
row labels a whole video, and no times are read.

A table with a column of labels in the plural, or with a split, has clips as rows. Otherwise the
rows are events, which can overlap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import (
    Event,
    EventTable,
    Place,
    ReadOptions,
    split_modifiers,
    subject_name,
)
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.headers import Column, Header, find_header, only_column, plain_name
from slowfast.data_tools.events.times import TimeColumn, parse_times, to_number

# The table of bouts begins with these columns, and a cell of it is always one class.
BOUT_COLUMNS = (
    *("video", "subject", "class", "start_s", "stop_s", "first_frame", "last_frame"),
    *("mean_score", "peak_score"),
)

_OF_A_BOUT = BOUT_COLUMNS[:5]

_PLURALS = {"labels", "behaviors", "behaviours", "classes", "actions", "activities", "annotations",
            "tags"}  # fmt: skip
_SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip
# What a table must have; with a start and no end, all events are points.
_COLUMNS = (
    ("start", "stop", "label"),
    ("start", "duration", "label"),
    ("video", "start", "label"),
    ("video", "time", "label"),
)


def _header(table: Table, options: ReadOptions) -> Header | None:
    wanted = [("video", "label")] if options.whole_videos else _COLUMNS
    return next(filter(None, (find_header(table, roles, options) for roles in wanted)), None)


def _recognises(content: Content, options: ReadOptions) -> bool:
    return content.table(lambda table: _header(table, options) is not None) is not None


def read_intervals(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of a table of intervals.

    A table without rows is a mistake, except that of a prediction, which may have found no bout.

    Raises:
        UserError: columns are missing, or it is not clear what a column means.
    """
    table = content.table(lambda table: _header(table, options) is not None)
    header = _header(table, options) if table else None
    if header is None:
        raise UserError(
            f"{content.path}: has no header with columns for start, end (or duration) and labels"
        )
    found = EventTable()
    if not header.table.rows:
        if header.names[: len(_OF_A_BOUT)] != _OF_A_BOUT:
            found.wrong(table.place(table.rows[-1][0]), _NO_ROWS)
        return found
    _Reader(content, options, header, found).read()
    return found


_NO_ROWS = "has no rows; expected one row for each segment of a video"


@dataclass(frozen=True)
class _Ends:
    """The start and the end of each row, or the text of a mistake."""

    starts: list[float | str]
    stops: list[float | str]
    names: tuple[str, str]
    texts: list[tuple[str, str]]


class _Reader:
    """Reads the rows of one table."""

    def __init__(self, content: Content, options: ReadOptions, header: Header, found: EventTable):
        self.content, self.options, self.header, self.found = content, options, header, found
        self.table = header.table
        self.labels = only_column(header, "label", content.path)
        only_column(header, "split", content.path)

    def read(self) -> None:
        """Adds the events, mistakes and notes of all rows."""
        header, rows = self.header, self._complete_rows()
        frames = self._ends(rows, frames=True)
        times = self._ends(rows, frames=False)
        if times is None and frames is None:
            raise UserError(
                f"{self.content.path}: the start and the end have different units; expected both "
                "in seconds, or both in frames"
            )
        plural = plain_name(self.labels.name) in _PLURALS
        self.found.rows_are_clips = plural or header.has("split")
        rates = self._rates(rows, frames is not None and times is None)
        ignored = {column.at for columns in header.columns.values() for column in columns}
        ignored |= {column.at for column in header.modifiers}
        unused = [name for at, name in enumerate(header.names) if at not in ignored and name]
        if unused:
            self.found.notes.append(
                f"{self.content.path}: columns that are not read: {', '.join(unused)}"
            )
        for number, (line, cells) in enumerate(rows):
            place = self.table.place(line)
            try:
                self._add(place, cells, number, times, frames, rates[number])
            except UserError as error:
                self.found.wrong(place, str(error))

    def _complete_rows(self) -> list[tuple[int, tuple[str, ...]]]:
        """The rows with as many cells as the header; other rows are mistakes."""
        width, rows = len(self.header.names), []
        for line, cells in self.table.rows:
            cells = (*cells[:width], *(cell for cell in cells[width:] if cell))
            if self.table.sheet:
                cells += ("",) * (width - len(cells))
            if len(cells) == width:
                rows.append((line, cells))
                continue
            self.found.wrong(
                self.table.place(line),
                f"the number of fields is not {width}, as in the header, but {len(cells)}; labels "
                "separated by commas, and decimal commas, need quotes around them",
            )
        return rows

    def _ends(self, rows: Sequence[tuple[int, tuple[str, ...]]], frames: bool) -> _Ends | None:
        """The starts and ends in frames, or in seconds; None if the table does not have both."""
        start = self._time_column("start", frames)
        stop, duration = self._time_column("stop", frames), self._time_column("duration", frames)
        if self.options.whole_videos:
            return None if frames else self._whole_videos(len(rows))
        if not self.header.has("stop") and not self.header.has("duration"):
            start = stop = start or self._time_column("time", frames)
        end = stop or duration
        if start is None or end is None:
            return None
        columns = [
            TimeColumn(column.name, [cells[column.at] for _, cells in rows], self._unit(column))
            for column in (start, end)
        ]
        starts, stops = parse_times(columns, self.table.separator, self.options.decimal)
        if stop is None:
            stops = [
                later if isinstance(first, str) or isinstance(later, str) else first + later
                for first, later in zip(starts, stops, strict=True)
            ]
        elif stop.inclusive and frames:
            stops = [last if isinstance(last, str) else last + 1 for last in stops]
        texts = [(cells[start.at], cells[end.at]) for _, cells in rows]
        return _Ends(starts, stops, (start.name, end.name), texts)

    def _whole_videos(self, rows: int) -> _Ends:
        """Each row from the beginning to the end of its video."""
        texts = [("", "")] * rows
        return _Ends([0.0] * rows, [math.inf] * rows, ("start", "end"), texts)

    def _time_column(self, role: str, frames: bool) -> Column | None:
        """The column of this role that is in frames, or in another unit; the first one if the
        same time is there in several units.

        Raises:
            UserError: several columns fit.
        """
        found = [
            column
            for column in self.header.columns.get(role, ())
            if (self._unit(column) == "frames") == frames
        ]
        if len({column.stem for column in found}) > 1:
            names = " and ".join(repr(column.name) for column in found)
            raise UserError(
                f"{self.content.path}: the columns {names} can both be the {role}; say which with "
                f"--column {role}={found[0].name}"
            )
        return found[0] if found else None

    def _unit(self, column: Column) -> str:
        return column.unit if column.unit is not None else self.options.time_unit

    def _rates(
        self, rows: Sequence[tuple[int, tuple[str, ...]]], needed: bool
    ) -> list[float | str | None]:
        """The frame rate of each row, or the text of a mistake; None: the video's own frames."""
        given, column = self.options.frame_rate, self.header.column("rate")
        if not needed or given is not None or column is None:
            rate = given if isinstance(given, float) else None
            if needed and rate is None:
                self.found.notes.append(
                    f"{self.content.path}: frame numbers become times by the frames of each video; "
                    "--frame-rate gives a rate instead"
                )
            return [rate] * len(rows)
        cells_of = TimeColumn(column.name, [cells[column.at] for _, cells in rows])
        (values,) = parse_times([cells_of], self.table.separator, self.options.decimal)
        self.found.notes.append(
            f"{self.content.path}: frame numbers become times by the column {column.name}; "
            "--frame-rate video takes the frames of each video instead"
        )
        return [
            value
            if isinstance(value, float) and value > 0
            else f"{column.name} {cells[column.at]!r}: expected frames per second, such as 25; "
            "--frame-rate gives a rate, or --frame-rate video takes the frames of each video"
            for value, (_, cells) in zip(values, rows, strict=True)
        ]

    def _add(
        self,
        place: Place,
        cells: tuple[str, ...],
        number: int,
        times: _Ends | None,
        frames: _Ends | None,
        rate: float | str | None,
    ) -> None:
        """Adds the events of a row.

        Raises:
            UserError: the row is wrong; the text does not name the place.
        """
        if isinstance(rate, str):
            raise UserError(rate)
        start, stop = _checked(times or frames, number)
        first, last = (None, None)
        if frames is not None:
            first, last = (
                int(value) if isinstance(value, float) and not math.isnan(value) else None
                for value in (frames.starts[number], frames.stops[number])
            )
        if times is None:
            start = stop = None
        video = self._video(cells)
        subject = subject_name(self.header.cell(cells, "subject"))
        labels = self._split_labels(cells[self.labels.at])
        modifiers = self.header.modifiers_of(cells)
        for label in labels or [""]:
            self.found.events.append(
                Event(
                    place,
                    video,
                    label,
                    start,
                    stop,
                    point=(start == stop) if start is not None else first == last,
                    subject=subject,
                    modifiers=split_modifiers(modifiers),
                    comment=self.header.cell(cells, "comment"),
                    first_frame=first,
                    stop_frame=last,
                    rate=rate,
                    observation=self.header.cell(cells, "observation"),
                    split=self._split(cells),
                    mean=to_number(self.header.cell(cells, "mean_score")),
                    peak=to_number(self.header.cell(cells, "peak_score")),
                )
            )

    def _video(self, cells: tuple[str, ...]) -> str:
        video = self.header.cell(cells, "video")
        if video.casefold() == "na":
            video = ""
        if video or self.header.cell(cells, "observation"):
            return video
        if self.header.has("video"):
            raise UserError("video is empty; expected a file name")
        # One table for each video, named like it.
        return self.content.base_name

    def _split(self, cells: tuple[str, ...]) -> str:
        column = self.header.column("split")
        if column is None:
            return ""
        split = _SPLITS.get(cells[column.at].casefold())
        if split is None:
            raise UserError(
                f"{column.name} {cells[column.at]!r}: expected train, val or test (also training, "
                "validation, testing)"
            )
        return split

    def _split_labels(self, text: str) -> list[str]:
        """The labels of a cell.

        Raises:
            UserError: it is not clear what separates the labels.
        """
        given = self.options.label_separator
        if not given and self.header.names[: len(BOUT_COLUMNS)] == BOUT_COLUMNS:
            given = "none"
        if given:
            names = [text] if given == "none" else text.split(given)
            return _without_repetition(names)
        names = _without_repetition(re.split("[;,]", text))
        clear = "," not in text or self._lone_labels.issuperset(names)
        if not clear and ";" in text:
            raise UserError(
                f"{self.labels.name} {text!r}: has semicolons and commas; separate the labels by "
                "one of them, or say which one with --label-separator"
            )
        if not clear and plain_name(self.labels.name) not in _PLURALS:
            raise UserError(
                f"{self.labels.name} {text!r}: can be one label with a comma, or several "
                "labels; say which with --label-separator none or --label-separator ,"
            )
        return names

    @cached_property
    def _lone_labels(self) -> set[str]:
        """The labels that stand alone in a cell of the table."""
        cells = {
            cells[self.labels.at] for _, cells in self.table.rows if self.labels.at < len(cells)
        }
        return {cell for cell in cells if not {",", ";"} & set(cell)}


def _without_repetition(names: Sequence[str]) -> list[str]:
    """The names that are not empty, without blanks around them, each once."""
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def _checked(ends: _Ends, number: int) -> tuple[float, float]:
    """The start and the end of a row.

    Raises:
        UserError: one of the two is wrong, or the end is before the start.
    """
    start, stop = ends.starts[number], ends.stops[number]
    for value, name, text in zip((start, stop), ends.names, ends.texts[number], strict=True):
        if isinstance(value, str):
            raise UserError(value)
        if math.isnan(value):
            what = f"{name} {text!r}" if text else f"{name} is empty"
            raise UserError(f"{what}: expected a time")
    if stop < start:
        raise UserError(
            f"{ends.names[1]} {ends.texts[number][1]}: expected more than the {ends.names[0]}, "
            f"{ends.texts[number][0]}"
        )
    return start, stop


add_format("intervals", "a table of intervals", _recognises, read_intervals, general=True)
