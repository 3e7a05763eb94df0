"""Films on the time axes of BORIS's observations.

An observation has one axis: the files of its first player one after the other, from its time offset
on. Films that were played together come back into one observation; any other film becomes an
observation of its own.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath

from slowfast.data_tools.events import Event, Player, Recording
from slowfast.data_tools.events.boris_observation import Axis
from slowfast.data_tools.exchange.film import USUAL_RATE, Film, in_seconds, key_of
from slowfast.data_tools.exchange.report import Report

_ROUNDING = 0.0015  # seconds between the parts of a bout that goes on in the next file


@dataclass
class Observation:
    """Events on one axis, and the videos that belong to it.

    Attributes:
        recording: its players; every length is stated.
        events: with times on the axis, which contain the time offset; sorted by start.
        axis: of the first player.
        with_audio: the names of videos that have sound.
    """

    name: str
    recording: Recording
    events: list[Event]
    axis: Axis
    with_audio: frozenset[str] = frozenset()

    @cached_property
    def date(self) -> str:
        """Its date as BORIS has it, such as 2026-01-15T09:00:00; today if it is not known."""
        known = self.recording.date.strip().replace(" ", "T")
        try:
            datetime.datetime.fromisoformat(known)
        except ValueError:
            return datetime.datetime.now().isoformat(timespec="seconds")
        return known

    def position(self, time: float) -> tuple[str, int | None]:
        """The file of the first player at a time on the axis, and the number of its frame.

        The number is None if the rate is not known.
        """
        player = self.recording.players[0]
        last = len(self.axis.files) - 1
        for at, file in enumerate(self.axis.files):
            if time < file.end or at == last:
                rate = player.rates[at]
                frame = round((time - file.begin) * rate) if rate else None
                return file.name, None if frame is None else max(0, frame)
        raise AssertionError("an observation has a file")

    @property
    def frame_seconds(self) -> float:
        """The length of a frame of the first video; that of the usual rate if it is not known."""
        return 1 / (self.recording.players[0].rates[0] or USUAL_RATE)

    @cached_property
    def coded_seconds(self) -> float:
        """The time from the first to the last mark."""
        ends = [end for event in self.events for end in (event.start, event.stop)]
        return max(ends) - min(ends) if ends else 0.0


def observations(films: Sequence[Film], report: Report) -> list[Observation]:
    """Puts films on the axes of observations.

    Raises:
        UserError: a time is not known.
    """
    groups: dict[object, list[Film]] = {}
    for number, film in enumerate(films):
        whole = film.recording
        groups.setdefault((whole.place, whole.observation) if whole else number, []).append(film)
    found = []
    names: set[str] = set()
    for group in groups.values():
        recording = group[0].recording or _recording_of(group[0], report)
        recording = _with_lengths(recording, group, report)
        main = recording.players[0]
        axis = Axis.in_a_row(main.videos, main.seconds, recording.time_offset)
        begins = {file.name: file.begin for file in reversed(axis.files)}
        events = [
            replace(event, start=round(event.start + begin, 3), stop=round(event.stop + begin, 3))
            for film in group
            for begin in [begins.get(film.name, axis.files[0].begin)]
            for event in in_seconds(film)
        ]
        events = list(_joined(events))
        name = _free_name(group[0], names)
        names.add(name)
        audio = frozenset(film.name for film in group if film.has_audio)
        found.append(Observation(name, recording, events, axis, audio))
    return found


def _recording_of(film: Film, report: Report) -> Recording:
    """A recording of one video, which begins at 0."""
    player = Player((film.name,), (film.length,), (film.rate,))
    return Recording(film.place, film.observation, (player,), span=film.span)


def _with_lengths(recording: Recording, group: Sequence[Film], report: Report) -> Recording:
    """The recording with a length for each video; BORIS needs them to place the events."""
    by_name = {film.name: film for film in group}
    players = []
    for player in recording.players:
        films = [by_name.get(name) for name in player.videos]
        rates = tuple(
            rate or (film.rate if film else None)
            for rate, film in zip(player.rates, films, strict=True)
        )
        seconds = list(player.seconds)
        for at, film in enumerate(films):
            if seconds[at] is None:
                seconds[at] = film.length if film else None
            if seconds[at] is None:
                ends = [
                    film.times(event)[1] + event.point * film.frame_seconds
                    for event in (film.events if film else ())
                ]
                seconds[at] = max(ends, default=0.0)
                report.lost(
                    "lengths of videos, which nothing states; they end with the last event, and "
                    "--videos FOLDER gives their lengths",
                    film.place if film else recording.place,
                )
        players.append(replace(player, seconds=tuple(seconds), rates=rates))
    return replace(recording, players=tuple(players))


def _joined(events: Iterable[Event]) -> Iterator[Event]:
    """Yields the events by start; parts of one event in files that follow each other are one."""
    begun: dict[tuple, Event] = {}
    done = []
    for event in sorted(events, key=lambda event: (event.start, event.stop)):
        part = (event.place, *key_of(event))
        before = begun.get(part)
        follows = before and before.video != event.video and not event.point
        if follows and abs(before.stop - event.start) <= _ROUNDING:
            # The second part keeps the video, so that a third part can follow it.
            begun[part] = replace(before, stop=event.stop, video=event.video)
            continue
        if before:
            done.append(before)
        begun[part] = event
    yield from sorted(
        itertools.chain(done, begun.values()), key=lambda event: (event.start, event.stop)
    )


def _free_name(film: Film, taken: set[str]) -> str:
    """A name for an observation that no other one has."""
    stem = PurePath(film.name.replace("\\", "/")).stem or film.name
    name = film.observation.strip() or stem
    if name in taken:
        name = f"{name} {stem}"
    free = (f"{name} {number}" for number in itertools.count(2))
    return name if name not in taken else next(one for one in free if one not in taken)


def modifier_text(event: Event, sets: int | None = None) -> str:
    """The modifiers as BORIS writes them in a project: sets between bars, None for no choice."""
    parts = [modifier or "None" for modifier in event.modifiers]
    parts += ["None"] * ((len(parts) if sets is None else sets) - len(parts))
    return "|".join(parts)


def seconds_text(seconds: float | None, absent: str = "NA") -> str:
    """Seconds with three decimals, as BORIS writes them."""
    return absent if seconds is None else f"{seconds:.3f}"
