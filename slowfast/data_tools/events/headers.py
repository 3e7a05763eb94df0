"""Columns of a table of events by their usual names, in the spellings of many programs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.events.content import Table
from slowfast.data_tools.events.event import ReadOptions

_LAST_ROW_OF_A_HEADER = 60  # rows before the header are a preamble
_UNITS = {
    "s": ("s", "sec", "secs", "second", "seconds", "ss msec", "ss ms", "ss"),
    "ms": ("ms", "msec", "msecs", "millisecond", "milliseconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "frames": ("frame", "frames", "frame number", "frame no", "frame index", "f"),
    "": ("hh mm ss", "hh mm ss ms", "hh mm ss fff", "mm ss", "h mm ss"),
}
# The names of each role, without units; the first that a header has is taken.
_NAMES = {
    "video": (
        "video", "video file", "video file name", "video filename", "video name", "video path",
        "videofile", "videoname", "media file name", "media file path", "media file", "media",
        "media name", "media path", "file name", "filename", "file", "file path", "filepath",
        "path", "movie", "movie name", "video id", "videoid", "vid", "clip", "recording", "videos",
    ),
    "observation": ("observation id", "observation", "observation name"),
    "start": (
        "start", "begin", "beginning", "onset", "from", "start time", "begin time", "onset time",
        "starttime", "time start", "time begin", "time in", "t start", "tstart", "t0", "tmin",
        "xmin", "first",
    ),
    "stop": (
        "end", "stop", "offset", "to", "until", "finish", "end time", "stop time", "offset time",
        "ending", "endtime", "time end", "time stop", "time out", "t end", "t stop", "tend", "t1",
        "tmax", "xmax", "last",
    ),
    "duration": ("duration", "dur", "length"),
    "time": ("time", "event time", "timestamp"),
    "label": (
        "labels", "label", "behavior", "behaviour", "behaviors", "behaviours", "class", "classes",
        "class name", "label name", "action", "actions", "activity", "activities", "annotation",
        "annotations", "behavior name", "behaviour name", "behavior code", "behaviour code",
        "event", "code", "tag", "tags",
    ),
    "split": ("split", "splits", "set", "subset", "partition", "data split", "dataset split"),
    "subject": (
        "subject", "subjects", "subject id", "animal", "animal id", "individual",
        "individual id", "focal animal", "focal", "participant", "actor", "track", "track id",
    ),
    "kind": ("behavior type", "behaviour type", "event type", "status", "event status"),
    "rate": ("fps", "frame rate", "framerate", "fps frame s", "frames per second"),
    "comment": (
        "comment", "comments", "comment start", "note", "notes", "remark", "remarks",
    ),
    "mean_score": ("mean score",),
    "peak_score": ("peak score",),
    "last_comment": ("comment stop",),
    "source": ("source",),
    "media_duration": ("media duration",),
    "total_length": ("total length",),
    "time_offset": ("time offset",),
    "observation_type": ("observation type",),
    "observation_date": ("observation date",),
    "image": ("image index",),
    "first_image": ("image index start",),
    "last_image": ("image index stop",),
}  # fmt: skip
ROLES = ("video", "observation", "start", "stop", "duration", "label", "split", "subject", "kind",
         "rate", "comment")  # fmt: skip
_TIMED = ("start", "stop", "duration", "time", "media_duration", "total_length", "time_offset")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MODIFIER = re.compile(r"modifiers?( \d+)?")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: as the header writes it.
        unit: of times, as the name says: s, ms, min or frames; None: the name does not say.
        stem: the name in plain words, without the unit.
        inclusive: whether a time is the last frame itself, and not the first one after it.
    """

    at: int
    name: str
    unit: str | None = None
    stem: str = ""
    inclusive: bool = False


@dataclass(frozen=True)
class Header:
    """The columns of a table by role.

    Attributes:
        columns: for each role the columns that fit, the best first.
        modifiers: columns of modifiers.
        names: all names as the header writes them.
        table: the rows below the header.
    """

    columns: dict[str, tuple[Column, ...]]
    modifiers: tuple[Column, ...]
    names: tuple[str, ...]
    table: Table

    def has(self, *roles: str) -> bool:
        """Whether there is a column for each role."""
        return all(role in self.columns for role in roles)

    def column(self, role: str) -> Column | None:
        """The best column of a role, or None."""
        return self.columns.get(role, (None,))[0]

    def cell(self, cells: tuple[str, ...], role: str) -> str:
        """The cell of a role in a row; "" without such a column."""
        column = self.column(role)
        return cells[column.at] if column is not None and column.at < len(cells) else ""

    def modifiers_of(self, cells: tuple[str, ...]) -> str:
        """The modifiers in a row, with bars between sets.

        A table has as many columns as its largest event has sets, so the last can be empty.
        """
        there = (cells[column.at] for column in self.modifiers if column.at < len(cells))
        return "|".join(there).rstrip("|")


def plain_name(name: str) -> str:
    """A column name in lower case, with single blanks for everything but letters and digits."""
    spaced = _CAMEL.sub(" ", name.strip())
    return " ".join(re.split(r"[\W_]+", spaced)).strip().casefold()


def find_header(table: Table, needed: Iterable[str], options: ReadOptions) -> Header | None:
    """Finds the first row that has a column for each of the needed roles.

    Raises:
        UserError: `options.columns` names a column that is missing in a row which otherwise is
            such a header.
    """
    needed = tuple(needed)
    free = [role for role in needed if role not in options.columns]
    almost = None
    for number, (line, names) in enumerate(table.rows[:_LAST_ROW_OF_A_HEADER]):
        if len(names) < 2:
            continue
        header = _read_header(names, table.below(number + 1), options)
        if header.has(*needed, *options.columns):
            return header
        if almost is None and header.has(*free):
            almost = line, header
    if almost and options.columns:
        line, header = almost
        role = next(role for role in options.columns if not header.has(role))
        name = options.columns[role]
        hint = suggestion(name, header.names)
        raise UserError(
            f"{table.place(line)}: has no column {name!r}, which --column {role}={name} names; "
            f"its columns are {', '.join(header.names)}" + (f"; {hint}" if hint else "")
        )
    return None


def header_of(names: tuple[str, ...], below: Table, options: ReadOptions) -> Header:
    """The header with these names for a table that has none."""
    return _read_header(names, below, options)


def only_column(header: Header, role: str, place: object) -> Column | None:
    """The column of a role, which may be there only once.

    Raises:
        UserError: several columns fit the role.
    """
    columns = header.columns.get(role, ())
    if len(columns) > 1:
        names = " and ".join(repr(column.name) for column in columns)
        raise UserError(
            f"{place}: the columns {names} can both be the {role}; say which with "
            f"--column {role}={columns[0].name}"
        )
    return columns[0] if columns else None


def parse_column_options(pairs: Iterable[str]) -> dict[str, str]:
    """Converts texts ``role=name`` of the command line.

    Raises:
        UserError: a text is not of this form, or there is no such role.
    """
    found = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        if not equals or role not in ROLES or not name.strip():
            hint = suggestion(role, ROLES)
            raise UserError(
                f"--column {pair}: expected ROLE=NAME with a role of {', '.join(ROLES)}"
                + (f"; {hint}" if hint else "")
            )
        found[role] = name
    return found


def _read_header(names: tuple[str, ...], below: Table, options: ReadOptions) -> Header:
    ranked: dict[str, list[tuple[int, Column]]] = {}
    modifiers = []
    given = {name.strip(): role for role, name in options.columns.items()}
    for at, name in enumerate(names):
        plain = plain_name(name)
        if name in given:
            ranked.setdefault(given[name], []).append((-1, Column(at, name, _unit(plain)[1])))
            continue
        if _MODIFIER.fullmatch(plain):
            modifiers.append(Column(at, name))
            continue
        stem, unit = _unit(plain)
        for role, known in _NAMES.items():
            timed = role in _TIMED
            word = stem if timed else plain
            if role in options.columns or word not in known:
                continue
            column = Column(at, name, unit if timed else None, word, timed and word == "last")
            ranked.setdefault(role, []).append((known.index(word), column))
    columns = {
        role: tuple(column for _, column in sorted(found, key=lambda pair: pair[0]))
        for role, found in ranked.items()
    }
    return Header(columns, tuple(modifiers), tuple(names), below)


def _unit(plain: str) -> tuple[str, str | None]:
    """Divides a name into the name without its unit, and the unit: ("start", "ms")."""
    words = plain.split()
    if len(words) > 1 and words[0] == "frame":
        return " ".join(words[1:]), "frames"
    for length in (4, 3, 2, 1):
        tail = " ".join(words[-length:])
        for unit, spellings in _UNITS.items():
            if length < len(words) and tail in spellings:
                return " ".join(words[:-length]), unit
    return plain, None
