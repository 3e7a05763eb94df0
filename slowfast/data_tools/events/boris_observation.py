"""What all forms of BORIS files share: the time axis of an observation, and pairs of marks.

The axis of an observation is the axis of its first player: the files of the player one after the
other, each length cut to milliseconds. The times of an observation contain its `time offset`: the
position in the first file is the time minus the offset. Player n shows its position 0 when the axis
has `offset[n]`. (Tried on BORIS 10.0.2.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal, InvalidOperation

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.event import (
    Coverage,
    Event,
    EventTable,
    Place,
    split_modifiers,
    subject_name,
)
from slowfast.data_tools.events.times import to_number

_PLAYER = re.compile(r"player #(\d+):")


@dataclass(frozen=True)
class Mark:
    """One line of a list of events: the beginning or the end of a bout, or a point event.

    Attributes:
        kind: START, STOP, POINT, or "" for a beginning or an end that is not marked as such.
        time: seconds on the axis of the observation.
        modifiers: as the file writes them; they are part of what makes two marks a pair.
    """

    place: Place
    kind: str
    time: float
    label: str
    subject: str = ""
    modifiers: str = ""
    comment: str = ""
    frame: int | None = None


@dataclass(frozen=True)
class MediaFile:
    """A video on the axis of its observation: from `begin` up to `end` seconds."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Axis:
    """The videos of an observation in the order of their times.

    Attributes:
        main: whether they are the player that the observation was coded on. Other videos can begin
            later or end earlier, so that they do not show all events.
    """

    files: tuple[MediaFile, ...]
    main: bool = True

    @classmethod
    def in_a_row(
        cls, names: Sequence[str], lengths: Sequence[float | None], shift: float, main: bool = True
    ) -> Axis:
        """The axis of files that were played one after the other.

        Args:
            lengths: seconds; only the last can be None.
            shift: the time on the axis at which the first file begins.

        Raises:
            UserError: a length that is needed is not known.
        """
        files, begin = [], Decimal(str(shift))
        for number, (name, length) in enumerate(zip(names, lengths, strict=True)):
            if length is None and number < len(names) - 1:
                raise UserError(
                    f"the length of {name} is not stated, and {names[number + 1]} follows it; open "
                    "the observation in BORIS so that it reads the lengths, and save it again"
                )
            end = Decimal("Infinity") if length is None else begin + milliseconds(length)
            files.append(MediaFile(name, float(begin), float(end)))
            begin = end
        return cls(tuple(files), main)

    def pieces(self, start: float, stop: float) -> list[tuple[str, float, float]]:
        """The parts of an interval, or of a moment, as (file, start, stop) on each file's own axis.

        What lies after the last file stays with it, so that it can be reported or clipped.

        Raises:
            UserError: the interval begins before the first file, or no file shows it.
        """
        found = []
        for number, file in enumerate(self.files):
            last = number == len(self.files) - 1
            after = float("inf") if last and self.main else file.end
            low, high = max(start, file.begin), min(stop, after)
            shown = file.begin <= start < after if start == stop else low < high
            if shown:
                # Differences of decimal numbers: 8.3 - 5.1 is 3.2.
                found.append((file.name, _minus(low, file.begin), _minus(high, file.begin)))
        if self.main and self.files and start < self.files[0].begin - 0.0005:
            raise UserError(
                f"at {start:g} s, before the beginning of {self.files[0].name}, which is at "
                f"{self.files[0].begin:g} s; correct the time, or the time offset"
            )
        if self.main and not found:
            raise UserError(f"from {start:g} to {stop:g} s no file of the observation was played")
        return found


def add_bout(found: EventTable, axis: Axis, first: Mark, last: Mark, observation: str) -> int:
    """Adds the event between two marks, or of a point, to a table; one event for each file.

    Returns:
        The number of events: 0 if the videos do not show it.
    """
    try:
        pieces = axis.pieces(first.time, last.time)
    except UserError as error:
        found.wrong(first.place, f"{first.label}: {error}")
        return 0
    point = first.kind == "POINT"
    one = len(pieces) == 1 and axis.main
    event = Event(
        first.place,
        "",
        first.label,
        point=point,
        subject=subject_name(first.subject),
        modifiers=split_modifiers(first.modifiers),
        comment=" | ".join(dict.fromkeys(c for c in (first.comment, last.comment) if c)),
        first_frame=first.frame if one else None,
        stop_frame=last.frame if one else None,
        observation=observation,
    )
    for name, start, stop in pieces:
        found.events.append(replace(event, video=name, start=start, stop=stop))
    return len(pieces)


def pairs(marks: Iterable[Mark], found: EventTable) -> Iterator[tuple[Mark, Mark]]:
    """Yields the first and last mark of each bout; a point event is its own last mark.

    Marks are a pair if subject, class and modifiers are equal. In time order the first is the
    beginning, the second the end, and so on. Marks without a partner are added to the mistakes.
    """
    begun: dict[tuple[str, str, str], Mark] = {}
    for mark in sorted(marks, key=lambda mark: mark.time):
        key = (mark.subject, mark.label, mark.modifiers)
        if mark.kind == "POINT":
            yield mark, mark
        elif key in begun and mark.kind != "START":
            yield begun.pop(key), mark
        elif key not in begun and mark.kind != "STOP":
            begun[key] = mark
        elif mark.kind == "STOP":
            found.wrong(mark.place, f"{_words(mark)}: a STOP without a START before it")
        else:
            earlier = begun[key].place.beside(mark.place)
            found.wrong(mark.place, f"{_words(mark)}: a START, and {earlier} has no STOP yet")
    for mark in begun.values():
        found.wrong(mark.place, f"{_words(mark)}: a START without a STOP")


def split_players(text: str) -> list[list[str]]:
    """The files of each player in a column Source: ``player #1:a.mp4;b.mp4|player #2:c.mp4``."""
    parts = _PLAYER.split(text.strip())[2::2]
    return [part.strip().strip("|").split(";") for part in parts]


def split_numbers(text: str) -> list[list[float | None]]:
    """The numbers of each player in a column such as ``10.000;10.000|8.000``; NA is None."""
    return [[to_number(number) for number in part.split(";")] for part in text.split("|")]


def to_frame(value: object) -> int | None:
    """A frame number; None for NA and other text."""
    number = to_number(value)
    return None if number is None else int(number)


def cover(found: EventTable, axis: Axis, place: Place, observation: str, **facts) -> None:
    """Adds what an observation says of its videos: their lengths, and the time that it covers."""
    for file in axis.files:
        span = facts.get("span")
        if span is not None:
            span = (max(0.0, _minus(span[0], file.begin)), _minus(span[1], file.begin))
        seconds = None if file.end == float("inf") else _minus(file.end, file.begin)
        if span is None or span[1] > span[0]:
            found.coverage.append(
                Coverage(
                    place, file.name, observation, **{"seconds": seconds, **facts, "span": span}
                )
            )


def _words(mark: Mark) -> str:
    who = f" of {mark.subject}" if mark.subject else ""
    what = f" ({mark.modifiers})" if mark.modifiers else ""
    return f"{mark.label}{what}{who} at {mark.time:g} s"


def milliseconds(seconds: float) -> Decimal:
    """Seconds with three decimals, cut and not rounded."""
    try:
        return Decimal(str(seconds)).quantize(Decimal("0.001"), rounding=ROUND_DOWN)
    except InvalidOperation:
        return Decimal(str(seconds))


def _minus(one: float, other: float) -> float:
    return float(Decimal(str(one)) - Decimal(str(other)))
