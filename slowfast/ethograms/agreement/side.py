"""One side of a comparison: the events of a person, or a prediction, read from files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from slowfast.ak.errors import UserError
from slowfast.data_tools.event_options import chosen_events, label_of
from slowfast.data_tools.events import Coverage, Event, ReadOptions, read_events
from slowfast.data_tools.events.intervals import BOUT_COLUMNS
from slowfast.data_tools.segments.corrections import known_events
from slowfast.data_tools.segments.mistakes import first_mistakes, raise_mistakes
from slowfast.data_tools.segments.stretches import gaps
from slowfast.ethograms.agreement.grid import Grid
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.utils.plural import count

BOUTS, WINDOWS, FRAMES = "bouts.csv", "windows.csv", "frames.csv"
_BOUT_HEADER = list(BOUT_COLUMNS[:5])
_WINDOW_HEADER = ["video", "start_s", "end_s"]
_FRAME_HEADER = ["video", "frame", "time_s"]


@dataclass(frozen=True)
class Choice:
    """Which events count.

    Attributes:
        subjects, observations: names; empty: all.
        modifiers: whether modifiers are part of a class.
    """

    subjects: Sequence[str] = ()
    observations: Sequence[str] = ()
    modifiers: bool = False


@dataclass
class Side:
    """Events, and scores where there are any, of some videos.

    Attributes:
        path: the file or folder.
        events, coverage: by the name of the video.
        classes: the classes that a prediction knows; None if the file does not say.
        scores: by video, of windows or frames that may overlap; empty without scores.
        notes: what the reader decided, in sentences.
        modifiers: whether modifiers are part of a class.
        background: the class that stands for no class.
        rows_are_clips: whether only the times of events were observed.
        reviewed: videos of which only the times of events were observed: a person has looked at
            them, and the other predicted bouts are left out.
        outside: by video, the number of events outside of it, once `bouts` was called.
    """

    path: Path
    events: dict[str, list[Event]] = field(default_factory=dict)
    coverage: dict[str, list[Coverage]] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    scores: dict[str, WindowScores] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    modifiers: bool = False
    background: str = ""
    rows_are_clips: bool = False
    reviewed: frozenset[str] = frozenset()
    outside: dict[str, int] = field(default_factory=dict)

    @cached_property
    def videos(self) -> list[str]:
        """The names of all videos, those with scores and without a bout too."""
        return list(dict.fromkeys((*self.events, *self.coverage, *self.scores)))

    def labels(self, video: str) -> set[str]:
        """The classes of the events of a video."""
        found = {label_of(event, self.modifiers) for event in self.events.get(video, ())}
        return found - {"", self.background}

    def last_moment(self, video: str, rate: float) -> float:
        """The latest time that the file names for a video, in seconds; 0 if it names none.

        Args:
            rate: frames per second, for files that count frames and do not say how long they are.
        """
        ends = []
        for event in self.events.get(video, ()):
            ends.append((event.stop_frame or 0) / (event.rate or rate))
            ends.append(event.stop or 0.0)
        for one in self.coverage.get(video, ()):
            ends += [one.seconds or 0.0, (one.frames or 0) / rate]
        if video in self.scores:
            ends.append(float(self.scores[video].ends.max(initial=0)))
        return max(filter(math.isfinite, ends), default=0.0)

    def bouts(self, video: str, grid: Grid) -> list[Bout]:
        """Returns the events of a video as bouts; those of frames get the times of the grid."""
        found, outside = [], 0
        for event in self.events.get(video, ()):
            label = label_of(event, self.modifiers)
            if label in ("", self.background):
                continue
            start, stop = _times(event, grid)
            first, end = grid.span(start, stop)
            if end > first:
                found.append(Bout(video, label, start, stop, first, end - 1, event.subject))
            else:
                outside += 1
        self.outside[video] = outside
        return found

    def unknown(self, video: str, grid: Grid) -> Iterator[tuple[float, float]]:
        """Yields the times (start, stop) of a video that were not observed."""
        for one in self.coverage.get(video, ()):
            if one.span is not None:
                yield 0.0, one.span[0]
                yield one.span[1], float(grid.edges[-1])
            for first, end in one.unknown:
                yield grid.time_of(first), grid.time_of(end)
        if self.rows_are_clips or video in self.reviewed:
            seen = [_times(event, grid) for event in self.events.get(video, ())]
            yield from gaps(seen, [(0.0, float(grid.edges[-1]))])


def _times(event: Event, grid: Grid) -> tuple[float, float]:
    """Returns the start and the end of an event in seconds."""
    if event.start is not None and event.stop is not None:
        return event.start, min(event.stop, max(event.start, float(grid.edges[-1])))
    first, last = event.first_frame or 0, event.stop_frame or 0
    if event.rate:
        return first / event.rate, last / event.rate
    return grid.time_of(first), grid.time_of(last)


@dataclass(frozen=True)
class WindowScores:
    """Scores of windows of one video.

    Attributes:
        starts, ends: (W,) seconds.
        scores: (W, C); nan where nothing was scored.
    """

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray

    def on_grid(self, video: str, classes: tuple[str, ...], grid: Grid) -> VideoScores:
        """Returns scores of cells: the mean over the windows that cover a cell.

        The cells are the times between two edges of windows, rounded to whole frames.
        """
        middles = (grid.edges[:-1] + grid.edges[1:]) / 2
        begins, stops = np.searchsorted(middles, self.starts), np.searchsorted(middles, self.ends)
        frames = np.unique(np.concatenate(([0, grid.frames], begins, stops)))
        first, last = np.searchsorted(frames, begins), np.searchsorted(frames, stops)
        known = ~np.isnan(self.scores).any(axis=1)
        change = np.zeros((len(frames), self.scores.shape[1] + 1))
        rows = np.column_stack((np.where(known[:, None], self.scores, 0), known))
        np.add.at(change, first, rows)
        np.subtract.at(change, last, rows)
        total = change[:-1].cumsum(axis=0)
        count = np.rint(total[:, -1:])
        mean = np.divide(total[:, :-1], count, out=np.full_like(total[:, :-1], np.nan),
                         where=count > 0)  # fmt: skip
        cells = np.clip(mean, 0, 1).astype(np.float32)
        return VideoScores(video, classes, grid.edges[frames], frames, cells)


def read_side(
    path: Path,
    options: ReadOptions | None = None,
    choice: Choice | None = None,
    skip_mistakes: bool = False,
) -> Side:
    """Reads the events of a person, or a prediction.

    Args:
        path: any file that `slowfast.data_tools.events` reads; a file ``bouts.csv`` of a
            prediction, or the folder with it, whose scores are read too.
        options, choice: of a file that is no prediction.
        skip_mistakes: whether rows with mistakes become notes, and count nowhere.

    Raises:
        UserError: the file cannot be read, rows are wrong, or it has no events and no videos.
    """
    choice = choice or Choice()
    folder = path if (path / BOUTS).is_file() else path.parent
    file = folder / BOUTS if path.is_dir() and (path / BOUTS).is_file() else path
    own = file != path or _header(path)[: len(_BOUT_HEADER)] == _BOUT_HEADER
    if own:
        # A class of ours may have a comma in its name; a cell is always one class.
        options, choice = ReadOptions(label_separator="none", decimal="."), Choice()
    table = read_events(file, options)
    if not skip_mistakes:
        raise_mistakes(table.mistakes)
    events, coverage = chosen_events(table, choice.subjects, choice.observations)
    side = Side(
        path,
        notes=[] if own else list(table.notes),
        modifiers=choice.modifiers,
        background=table.background,
        rows_are_clips=table.rows_are_clips,
    )
    side.notes += first_mistakes(table.mistakes)
    if side.rows_are_clips:
        side.notes.append(f"{path}: has clips as rows, so other times count as not observed")
    side.reviewed = frozenset(event.video for event in events if not event.looked_at)
    if side.reviewed:
        side.notes.append(
            f"{path}: times that nobody has looked at count as not observed in "
            f"{count(len(side.reviewed), 'video')}"
        )
    for event in known_events(events)[0]:
        side.events.setdefault(event.video or event.observation, []).append(event)
    for one in coverage:
        side.coverage.setdefault(one.video or one.observation, []).append(one)
    if own:
        _add_scores(side, folder)
    if not side.videos:
        raise UserError(f"{path}: has no events and names no video")
    return side


def _header(path: Path) -> list[str]:
    """Returns the columns of a CSV file; none if it is something else."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _add_scores(side: Side, folder: Path) -> None:
    """Adds the scores of frames, which are smoothed, or else those of windows."""
    for name, columns in ((FRAMES, _FRAME_HEADER), (WINDOWS, _WINDOW_HEADER)):
        path = folder / name
        if not path.is_file():
            continue
        header = _header(path)
        if header[:3] != columns:
            raise UserError(
                f"{path}:1: expected the columns {', '.join(columns)} and one for each class, as "
                "tools/predict.py writes them"
            )
        side.classes = tuple(header[3:])
        side.notes.append(f"{path}: average precision is of the scores of {name[:-4]}")
        for video, times, scores in _read_scores(path, len(header)):
            side.scores[video] = _window_scores(times, scores, name == FRAMES)
        return


def _read_scores(path: Path, columns: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields each video with its times (W, 2) and scores (W, C)."""
    numbers = range(1, columns)
    try:
        table = pd.read_csv(
            path,
            header=None,
            skiprows=1,
            names=range(columns),
            dtype={0: str, 1: np.float64, 2: np.float64} | dict.fromkeys(numbers[2:], np.float32),
            # An empty cell is no score; "NA" is a name like any other.
            keep_default_na=False,
            na_values={number: [""] for number in numbers},
            encoding_errors="surrogateescape",
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path}: has a value that is no number ({error})") from None
    for video, rows in table.groupby(0, sort=False):
        values = rows.iloc[:, 1:].to_numpy(np.float64)
        yield str(video), values[:, :2], values[:, 2:].astype(np.float32)


def _window_scores(times: np.ndarray, scores: np.ndarray, are_frames: bool) -> WindowScores:
    if not are_frames:
        return WindowScores(times[:, 0], times[:, 1], scores)
    starts = times[:, 1]
    step = float(np.median(np.diff(starts))) if len(starts) > 1 else 0.04
    return WindowScores(starts, np.append(starts[1:], starts[-1] + step), scores)
