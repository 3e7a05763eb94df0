"""A video with its events, whose times can be asked for in seconds and in frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import Event, Place, Recording
from slowfast.data_tools.segments.stretches import gaps

USUAL_RATE = 25.0  # frames per second; makes the length of a point where no rate is known
_UNKNOWN_RATE = (
    "the frames per second are not known; give --frame-rate R, or the folder of the videos as "
    "--videos FOLDER"
)


@dataclass
class Film:
    """A video and its events.

    Attributes:
        name: of the video, as it is written.
        events: those that state no class have the label "".
        place: where the file that was read names the video.
        observation: the name of its observation; "" if there is none.
        file: where the video is; None: not known.
        seconds: its length; None: not known.
        frames: the number of its frames; None: not known.
        rate: frames per second; None: not known.
        stamps: (frames,) when each frame begins, in seconds; None: by the rate.
        has_audio: whether it has sound.
        span: the time that was observed, in seconds; None: all of it.
        unknown: frames that nobody labelled, as (first, stop).
        only_events: whether nobody labelled the time between its events.
        split: train, val or test; "" if nothing says.
        recording: the observation, if its videos were played together.
    """

    name: str
    events: list[Event] = field(default_factory=list)
    place: Place | None = None
    observation: str = ""
    file: Path | None = None
    seconds: float | None = None
    frames: int | None = None
    rate: float | None = None
    stamps: np.ndarray | None = field(default=None, repr=False)
    has_audio: bool = False
    span: tuple[float, float] | None = None
    unknown: tuple[tuple[int, int], ...] = ()
    only_events: bool = False
    split: str = ""
    recording: Recording | None = None

    @property
    def own_observation(self) -> str:
        """The name of the observation, if it says more than the name of the video."""
        path = PurePath(self.name.replace("\\", "/"))
        return "" if self.observation in (self.name, path.name, path.stem) else self.observation

    @property
    def frame_seconds(self) -> float:
        """The length of a frame; that of the usual rate if the rate is not known."""
        return 1 / (self.rate or USUAL_RATE)

    @property
    def length(self) -> float | None:
        """The length in seconds, by its frames if nothing else states it; None: not known."""
        if self.seconds is None and self.frames is not None and self.rate:
            return self.frames / self.rate
        return self.seconds

    @property
    def frame_count(self) -> int | None:
        """The number of frames, by the length if nothing else states it; None: not known."""
        if self.frames is None and self.seconds is not None and self.rate:
            return round(self.seconds * self.rate)
        return self.frames

    def times(self, event: Event) -> tuple[float, float]:
        """The start and the stop of an event in seconds.

        Raises:
            UserError: it has frame numbers and the rate is not known, or it lasts to the end of the
                video and the length is not known.
        """
        if event.start is None or event.stop is None:
            rate = event.rate or None
            return (
                self._time_of(event.place, event.first_frame or 0, rate),
                self._time_of(event.place, event.stop_frame or 0, rate),
            )
        if math.isfinite(event.stop):
            return event.start, event.stop
        if self.length is None:
            raise UserError(
                f"{event.place}: lasts to the end of {self.name}, whose length is not known; give "
                "the folder of the videos as --videos FOLDER"
            )
        return event.start, self.length

    def frame_span(self, event: Event) -> tuple[int, int]:
        """The frames of an event, (first, stop): at least one, and none after the video.

        Raises:
            UserError: it has times and the rate is not known.
        """
        if event.start is None and event.rate is None:
            first, stop = event.first_frame or 0, event.stop_frame or 0
        else:
            start, end = self.times(event)
            first, stop = self.frame_of(event.place, start), self.frame_of(event.place, end)
        last = self.frame_count
        stop = max(stop, first + 1)
        return (first, stop) if last is None else (min(first, last), min(stop, last))

    def frame_of(self, place: Place | None, seconds: float) -> int:
        """The number of the frame whose begin is nearest to a time.

        Raises:
            UserError: the rate is not known.
        """
        if self.stamps is not None and len(self.stamps):
            edges = np.append(self.stamps, self.length or self.stamps[-1] + self.frame_seconds)
            after = int(np.searchsorted(edges, seconds))
            if after == 0 or after == len(edges):
                return min(after, len(self.stamps))
            nearer = seconds - edges[after - 1] < edges[after] - seconds
            return after - int(nearer)
        if not self.rate:
            raise UserError(f"{place or self.name}: {_UNKNOWN_RATE}")
        return round(seconds * self.rate)

    def _time_of(self, place: Place, frame: int, rate: float | None) -> float:
        if rate is None and self.stamps is not None and frame < len(self.stamps):
            return float(self.stamps[frame])
        rate = rate or self.rate
        if not rate:
            raise UserError(f"{place}: {_UNKNOWN_RATE}")
        return frame / rate

    def unlabelled(self) -> list[tuple[float, float]]:
        """The times that nobody labelled, in seconds.

        Raises:
            UserError: they are frames, and the rate is not known.
        """
        place = self.place or Place(Path(self.name))
        end = self.length
        found = [
            (self._time_of(place, first, None), self._time_of(place, stop, None))
            for first, stop in self.unknown
        ]
        if self.span is not None:
            found += [(0.0, self.span[0])] if self.span[0] > 0 else []
            found += [(self.span[1], end)] if end is not None and self.span[1] < end else []
        if self.only_events and end is not None:
            found += gaps([self.times(event) for event in self.events], [(0.0, end)])
        return sorted(found)


def key_of(event: Event) -> tuple[str, str, tuple[str, ...]]:
    """What makes two bouts bouts of one thing: subject, class and modifiers."""
    return event.subject, event.label, event.modifiers


def in_seconds(film: Film, digits: int = 3) -> list[Event]:
    """The events of a film, with times rounded to milliseconds, by start, stop and class.

    Raises:
        UserError: a time is not known.
    """
    timed = []
    for event in film.events:
        start, stop = film.times(event)
        timed.append(replace(event, start=round(start, digits), stop=round(stop, digits)))
    return sorted(timed, key=lambda event: (event.start, event.stop, event.label, event.subject))


def united(events: Iterable[Event]) -> tuple[list[Event], list[Event]]:
    """Unites bouts that overlap another one of the same subject, class and modifiers.

    Bouts that only touch stay two. Point events stay as they are.

    Args:
        events: with times, sorted by start.

    Returns:
        The bouts that remain, and those that became a part of another one.
    """
    kept: list[Event] = []
    swallowed: list[Event] = []
    open_at: dict[tuple, int] = {}
    for event in events:
        at = open_at.get(key_of(event))
        if event.point or at is None or event.start >= kept[at].stop:
            if not event.point:
                open_at[key_of(event)] = len(kept)
            kept.append(event)
            continue
        comments = dict.fromkeys(filter(None, (kept[at].comment, event.comment)))
        kept[at] = replace(
            kept[at], stop=max(kept[at].stop, event.stop), comment=" | ".join(comments)
        )
        swallowed.append(event)
    return kept, swallowed


def bouts_only(events: Iterable[Event], frame_seconds: float, end: float | None) -> list[Event]:
    """The events by start, with points as bouts of one frame.

    Args:
        end: of the video; points end there at the latest. None: not known.
    """
    found = []
    for event in events:
        if not event.point and event.stop > event.start:
            found.append(event)
            continue
        start, stop = event.start, event.start + frame_seconds
        if end is not None and stop > end > frame_seconds:
            start, stop = min(start, end - frame_seconds), end
        times = {"start": round(start, 3), "stop": round(max(stop, start + 0.001), 3)}
        found.append(replace(event, point=False, **times))
    return sorted(found, key=lambda event: event.start)


def comment_of(event: Event) -> str:
    """The comment of an event; without one, the scores of a predicted bout in words."""
    scores = (("mean", event.mean), ("peak", event.peak))
    words = [f"{name} score {value:.3g}" for name, value in scores if value is not None]
    return event.comment or ", ".join(words)


def lanes(events: Sequence[Event]) -> list[list[Event]]:
    """Divides events, sorted by start, into as few lists as possible without overlaps."""
    found: list[list[Event]] = []
    for event in events:
        free = (lane for lane in found if lane[-1].stop <= event.start)
        lane = next(free, None)
        if lane is None:
            found.append([event])
        else:
            lane.append(event)
    return found


def classes_of(films: Iterable[Film], declared: Sequence[str] = ()) -> list[str]:
    """The declared classes, and then those that only events have, sorted."""
    labels = {event.label for event in itertools.chain(*(film.events for film in films))}
    return [*declared, *sorted(labels - {"", *declared})]
