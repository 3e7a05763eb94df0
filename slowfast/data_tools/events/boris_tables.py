"""Videos and bouts in the tables that BORIS exports: what its two kinds of tables share.

Newer tables state the files, their lengths and the time offset in each row (Source, Media duration,
Time offset). Older tables state one file and the total length. Then an observation of several files
in a row cannot be placed on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.boris_observation import (
    Axis,
    Mark,
    cover,
    split_numbers,
    split_players,
)
from slowfast.data_tools.events.event import EventTable, Place, Player, ReadOptions, Recording
from slowfast.data_tools.events.headers import Header
from slowfast.data_tools.events.times import to_number
from slowfast.utils.plural import count

_WITHOUT_VIDEO = ("live observation", "from pictures", "from directories of images")
_NO_MEDIA = {"", "na", "live", "not found"}


@dataclass
class ObservationRows:
    """The marks of one observation, and what its rows say of its videos.

    Attributes:
        media: the files that single rows name, without repetition.
        source, lengths, rates, offset: of newer tables, as written; "" without such a column.
        total: the total length of older tables, as written.
        bouts: first and last marks of an aggregated table.
        marks: marks of a tabular table.
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
