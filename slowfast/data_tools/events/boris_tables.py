"""What the two kinds of tables that BORIS exports share: rows, observations and their videos.

Newer tables state the files, their lengths and the time offset in each row (Source, Media duration,
Time offset). Older tables state one file and the total length. Then an observation of several files
in a row cannot be placed on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.boris_observation import (
    Axis,
    Mark,
    add_bout,
    cover,
    pairs,
    split_numbers,
    split_players,
    to_frame,
)
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, Place, Player, ReadOptions, Recording
from slowfast.data_tools.events.headers import Header
from slowfast.data_tools.events.times import TimeColumn, parse_times, to_number
from slowfast.utils.plural import count

_WITHOUT_VIDEO = ("live observation", "from pictures", "from directories of images")
_NO_MEDIA = {"", "na", "live", "not found"}


# Finds the header of a table of one kind; None if the table is of another kind.
FindHeader = Callable[[Table, ReadOptions], Header | None]


def recognises(find: FindHeader) -> Callable[[Content, ReadOptions], bool]:
    """Returns a function that says whether a file has a table with such a header."""

    def found(content: Content, options: ReadOptions) -> bool:
        return content.table(lambda table: find(table, options) is not None) is not None

    return found


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        one: the observation that it belongs to.
        times: seconds, or the text of a mistake, of each column of times.
    """

    place: Place
    header: Header
    cells: tuple[str, ...]
    one: ObservationRows
    times: tuple[float | str, ...]

    def cell(self, role: str) -> str:
        """The cell of a role; "" without such a column."""
        return self.header.cell(self.cells, role)

    @property
    def mistake(self) -> str:
        """What is wrong with its times, in words; empty: nothing."""
        texts = [time for time in self.times if isinstance(time, str)]
        if texts:
            return texts[0]
        lacks_one = not self.one.has_no_video and any(map(math.isnan, self.times))
        return "has no time; expected seconds" if lacks_one else ""

    def mark(self, time: float, comment: str = "comment", image: str = "image") -> Mark:
        """The mark of the row at one of its times.

        Args:
            comment, image: roles of the columns that belong to this time.
        """
        return Mark(
            self.place,
            self.cell("kind").upper(),
            time,
            self.cell("label"),
            self.cell("subject"),
            self.header.modifiers_of(self.cells),
            self.cell(comment),
            to_frame(self.cell(image)),
        )


class ExportedTable:
    """A table that BORIS exported.

    Args:
        find: finds its header.
        title: what it is called in messages.

    Attributes:
        table: all of its rows.
        found: the events and the mistakes.

    Raises:
        UserError: the file has no such table.
    """

    def __init__(
        self, content: Content, options: ReadOptions, find: FindHeader, title: str
    ) -> None:
        table = content.table(lambda table: find(table, options) is not None)
        header = find(table, options) if table else None
        if header is None:
            raise UserError(f"{content.path}: is not a table of {title}")
        self.table, self.header, self._options = table, header, options
        self.found = EventTable()
        self._observations: dict[str, ObservationRows] = {}

    def rows(
        self, *times: str, name: str = "", offset: str = "", units: tuple[str, ...] = ("", "")
    ) -> Iterator[Row]:
        """Yields the rows below the header, each with its observation.

        Args:
            times: roles of the columns of times.
            name, offset: of the observation, if the rows do not state them.
            units: of the columns of times, as in `TimeColumn`.

        Raises:
            UserError: the decimal sign is not clear.
        """
        header, rows = self.header, self.header.table.rows
        columns = [
            TimeColumn(header.column(role).name, [header.cell(cells, role) for _, cells in rows], u)
            for role, u in zip(times, units, strict=False)
        ]
        parsed = parse_times(columns, header.table.separator, self._options.decimal)
        for (line, cells), *values in zip(rows, *parsed, strict=True):
            place = header.table.place(line)
            own = header.cell(cells, "observation") or name
            one = ObservationRows.of_row(header, cells, own, place)
            one = self._observations.setdefault(own, one)
            one.offset = one.offset or offset
            one.add_media(header.cell(cells, "video"))
            yield Row(place, header, cells, one, tuple(values))
        if not rows:
            self.found.wrong(
                self.table.place(self.table.rows[-1][0]), "has no rows below the header"
            )

    def events(self) -> EventTable:
        """Returns the events of all observations, once the rows have added their marks."""
        for one in self._observations.values():
            try:
                axis = one.axis(self.found, self._options)
            except UserError as error:
                self.found.wrong(one.place, str(error))
                continue
            for first, last in (*one.bouts, *pairs(one.marks, self.found)) if axis else ():
                add_bout(self.found, axis, first, last, one.name)
        return self.found


@dataclass
class ObservationRows:
    """The marks of one observation, and what its rows say of its videos.

    Attributes:
        media: the files that single rows name, without repetition.
        source, lengths, rates, offset: of newer tables, as written; "" without such a column.
        total: the total length of older tables, as written.
        bouts: first and last marks of each bout.
        marks: marks that are not paired yet.
    """

    name: str
    place: Place
    source: str = ""
    lengths: str = ""
    offset: str = ""
    total: str = ""
    kind: str = ""
    rates: str = ""
    date: str = ""
    media: dict[str, None] = field(default_factory=dict)
    bouts: list[tuple[Mark, Mark]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    @classmethod
    def of_row(cls, header: Header, cells: tuple[str, ...], name: str, place: Place):
        """The observation that a row belongs to, with what the row says of its videos."""
        roles = ("source", "media_duration", "time_offset", "total_length", "observation_type",
                 "rate", "observation_date")  # fmt: skip
        one = cls(name, place, *(header.cell(cells, role) for role in roles))
        if not (header.has("video") or header.has("source") or one.kind.lower() in _WITHOUT_VIDEO):
            one.add_media(name)  # the observation is named like its video
        return one

    def add_media(self, name: str) -> None:
        """Adds the file that a row names."""
        if name.strip().casefold() not in _NO_MEDIA:
            self.media[name.strip()] = None

    @property
    def has_no_video(self) -> bool:
        """Whether no row names a video, as in live observations and those of pictures."""
        return not (split_players(self.source) or self.media)

    def axis(self, found: EventTable, options: ReadOptions) -> Axis | None:
        """The videos of the observation; None, with a note, if it has none.

        Raises:
            UserError: the table does not say where the events are in the videos.
        """
        players = split_players(self.source)
        if options.player > 1 and len(players) >= options.player:
            raise UserError(
                f"an exported table does not say when player {options.player} begins; give the "
                "BORIS project itself for --player"
            )
        if options.player > 1 or self.has_no_video:
            kind = f" ({self.kind.lower()})" if self.kind else ""
            number = count(len(self.bouts) or len(self.marks), "event")
            player = f"player {options.player}" if options.player > 1 else "video"
            found.notes.append(
                f"{self.place}: observation {self.name!r}{kind} has no {player}; {number} left out"
            )
            return None
        shift = to_number(self.offset) or 0.0
        if players:
            names = [name.strip() for name in players[0]]
            lengths = (split_numbers(self.lengths) or [[]])[0]
            lengths += [None] * (len(names) - len(lengths))
            axis = Axis.in_a_row(names, lengths[: len(names)], shift)
            cover(found, axis, self.place, self.name)
            self._add_recording(found, players, shift)
            return axis
        names = list(self.media)
        if len(names) > 1:
            raise UserError(
                f"observation {self.name!r} has several files in a row ({', '.join(names)}), and "
                "this older form of the table does not state their lengths; give the BORIS project "
                "(.boris), or export the table with a newer BORIS"
            )
        axis = Axis.in_a_row(names, [None], shift)
        seconds = to_number(self.total)
        cover(found, axis, self.place, self.name, seconds=seconds, several_files=True)
        return axis

    def _add_recording(self, found: EventTable, players: list[list[str]], shift: float) -> None:
        """Adds how the videos of the observation were played."""
        numbers = [split_numbers(self.lengths), split_numbers(self.rates)]
        shown = []
        for at, names in enumerate(players):
            seconds, rates = (
                tuple(of[at][n] if at < len(of) and n < len(of[at]) else None
                      for n in range(len(names)))
                for of in numbers
            )  # fmt: skip
            rates = tuple(rate or None for rate in rates)
            shown.append(Player(tuple(name.strip() for name in names), seconds, rates))
        found.recordings.append(Recording(self.place, self.name, tuple(shown), shift, self.date))
