"""An event of a video, and what a table of events holds: the types that all formats share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file.

    Attributes:
        line: line of a text file, from 1; 0 for a file without lines.
        rank: orders places without lines.
        item: words for a place that is no line, such as ``observation 'day 1', event 3``.
    """

    file: Path
    line: int = 0
    rank: int = 0
    item: str = ""

    def __str__(self) -> str:
        """The place with its file, for the beginning of a message."""
        return f"{self.file}:{self.line}" if self.line else f"{self.file}: {self.item}"

    def beside(self, other: Place) -> str:
        """The place in words, without the file if `other` is in the same file."""
        if self.file != other.file:
            return str(self)
        return f"line {self.line}" if self.line else self.item


def subject_name(text: str) -> str:
    """The name of a subject; "" for what programs write if there is none."""
    name = text.strip()
    return "" if name.casefold() in ("no focal subject", "na") else name


def split_modifiers(text: str) -> tuple[str, ...]:
    """The modifiers of an event, as BORIS writes them: sets between bars, None for no choice.

    Returns:
        One modifier for each set, "" for no choice; empty if nothing was chosen from any set.
    """
    parts = tuple(part.strip() if part.strip() != "None" else "" for part in text.split("|"))
    return parts if any(parts) else ()


@dataclass(frozen=True)
class Mistake:
    """Something that is wrong in a table, and where."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True)
class Event:
    """A behaviour of one class in a video, for a time or at a moment.

    Times are on the video's own axis: 0 is its first frame. An event has `start` and `stop`, or it
    has `first_frame` and `stop_frame` and the times follow from the frames.

    Attributes:
        place: where it stands; events of one row have the same place.
        video: the video as the table names it: a path of any machine, or a name; "" for none.
        label: the class; "" states that no class occurs in this time.
        start, stop: seconds; the event lasts from `start` up to, and without, `stop`. Equal for a
            point event. `stop` is infinite for an event that lasts to the end of the video.
        point: whether it is a moment without a length.
        first_frame, stop_frame: frame numbers from 0; `stop_frame` is the first frame after it.
        modifiers: one for each set of modifiers; "" if nothing was chosen from a set.
        rate: frames per second with which frames become times; None: the frames of the video
            itself have their times.
        observation: the name of the observation or recording in the table.
        split: train, val or test; "" if the table does not say.
        looked_at: False for a predicted bout that no person has looked at.
        mean, peak: the mean and the highest score of a predicted bout; None: not stated.
    """

    place: Place
    video: str
    label: str
    start: float | None = None
    stop: float | None = None
    point: bool = False
    subject: str = ""
    modifiers: tuple[str, ...] = ()
    comment: str = ""
    first_frame: int | None = None
    stop_frame: int | None = None
    rate: float | None = None
    observation: str = ""
    split: str = ""
    looked_at: bool = True
    mean: float | None = None
    peak: float | None = None


@dataclass(frozen=True)
class Coverage:
    """What a table says of a whole video.

    Attributes:
        seconds, frames: the length of the video as the table states it; None: not stated.
        several_files: whether `seconds` can be the length of several files in a row.
        span: the time that was observed, in seconds; None: the whole video.
        unknown: frames that nobody labelled, as (first, stop).
    """

    place: Place
    video: str
    observation: str = ""
    seconds: float | None = None
    frames: int | None = None
    several_files: bool = False
    span: tuple[float, float] | None = None
    unknown: tuple[tuple[int, int], ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Player:
    """The videos that one player showed, one after the other.

    Attributes:
        videos: names, as events of the table have them.
        seconds: the length of each video; None: not stated.
        rates: frames per second of each video; None: not stated.
        offset: when its first video begins, in seconds after the first player.
    """

    videos: tuple[str, ...]
    seconds: tuple[float | None, ...]
    rates: tuple[float | None, ...]
    offset: float = 0.0


@dataclass(frozen=True)
class Recording:
    """How an observation of BORIS was recorded: what the events themselves do not say.

    Attributes:
        place: of the observation.
        players: the first one gives the axis of the times; others were shown beside it.
        time_offset: seconds that the times of the observation have at the first frame.
        date: as the file has it.
        span: the time that was observed, in seconds on the axis of the observation; None: all.
    """

    place: Place
    observation: str
    players: tuple[Player, ...]
    time_offset: float = 0.0
    date: str = ""
    description: str = ""
    span: tuple[float, float] | None = None


@dataclass
class EventTable:
    """What a file of events holds.

    Attributes:
        format: name of the format in `FORMATS`.
        mistakes: what is wrong with single rows. A caller reports them together.
        notes: what the reader decided or left out, in sentences for the user.
        coverage: one entry for each video of each observation, if the format knows them.
        recordings: one entry for each observation of BORIS that has videos in a row.
        unread: kinds of facts in the file that no reader takes, with their number.
        classes: the classes that the file declares, used or not.
        background: the class that stands for "nothing else", if the file has one.
        rows_are_clips: whether each row describes a clip, rather than an event among others.
    """

    format: str = ""
    events: list[Event] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    background: str = ""
    rows_are_clips: bool = False

    def wrong(self, place: Place, text: str) -> None:
        """Adds a mistake."""
        self.mistakes.append(Mistake(place, text))


@dataclass(frozen=True)
class ReadOptions:
    """How a file of events is read, where the file itself does not say.

    Attributes:
        format: name of the format; "": recognised by the content.
        encoding: of a text file; "": recognised.
        sheet: the sheet of a workbook; "": the only one that holds a table.
        columns: names of columns by role, such as {"video": "Datei"}.
        decimal: the decimal sign, "." or ","; "": decided for each column.
        time_unit: s, ms, min or frames; "": as the column names say, else seconds.
        frame_rate: frames per second for frame numbers; "video": the times of the video's own
            frames; None: the column of rates if there is one, else "video".
        label_separator: what separates several labels in a cell; "": a semicolon, or else a comma.
        whole_videos: whether each row labels a whole video, so that there are no times.
        player: which of the videos that were played side by side; 1 is the first.
    """

    format: str = ""
    encoding: str = ""
    sheet: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    decimal: str = ""
    time_unit: str = ""
    frame_rate: float | str | None = None
    label_separator: str = ""
    whole_videos: bool = False
    player: int = 1


def add_frame_labels(
    found: EventTable,
    place: Place,
    video: str,
    labels: np.ndarray,
    names: Sequence[str],
    options: ReadOptions,
    *,
    unknown: np.ndarray | None = None,
    split: str = "",
) -> None:
    """Adds the bouts of a video that follow from labels of its frames, and the video itself.

    Args:
        labels: (T, K) bool, whether frame t shows class k.
        names: the K classes; `found.background` among them is no class of its own.
        unknown: (T,) bool, frames that nobody labelled.
    """
    rate = options.frame_rate if isinstance(options.frame_rate, float) else None
    for name, shown in zip(names, labels.T, strict=True):
        for first, stop in runs(shown):
            if name != found.background:
                found.events.append(
                    Event(place, video, name, first_frame=first, stop_frame=stop, rate=rate,
                          observation=video, split=split)
                )  # fmt: skip
    gaps = () if unknown is None else tuple(runs(unknown))
    found.coverage.append(
        Coverage(place, video, video, frames=len(labels), unknown=gaps, split=split)
    )


def runs(shown: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yields (first, stop) of each run of True in a vector (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(np.int8), [0]))))
    yield from map(tuple, edges.reshape(-1, 2).tolist())
