"""Reads the table of video segments, a CSV file with these columns:

    video    file name, relative to the folder of videos
    start    seconds from the beginning of the video
    end      seconds
    split    train or val
    labels   class names, separated by ; (or by commas, in quotes); can be empty

All rows are checked against each other and against the videos before anything is cut. One error
lists all mistakes.
"""

import csv
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import open_container

COLUMNS = ("video", "start", "end", "split", "labels")
SPLITS = ("train", "val")
_MOST_MISTAKES = 20  # one error lists at most this many


@dataclass(frozen=True)
class Segment:
    """A part of a video that becomes one clip.

    Attributes:
        line: line of its row in the table.
        start, end: seconds from the beginning of the video.
    """

    line: int
    video: str
    start: float
    end: float
    split: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the clip: the video and the times in milliseconds, so that names sort by time."""
        return f"{_stem(self.video)}_{1000 * self.start:06.0f}-{1000 * self.end:06.0f}"


@dataclass(frozen=True)
class VideoFacts:
    """Properties of a video.

    Attributes:
        seconds: length.
        fps: average frame rate, in frames per second.
        aspect: width of a pixel divided by its height; 1 for most videos.
    """

    seconds: float
    fps: Fraction
    aspect: Fraction = Fraction(1)


def read_table(table: Path) -> list[Segment]:
    """Reads the rows of the table.

    Raises:
        UserError: lists every mistake that can be found without the videos, with file and line.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = tuple(reader.fieldnames or ())
            if set(header) != set(COLUMNS):
                raise UserError(
                    f"{table}:1: found the columns {', '.join(header) or '(none)'}; "
                    f"expected {', '.join(COLUMNS)}"
                )
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: cannot be read as a table ({error})") from error
    segments, mistakes = [], []
    for line, row in rows:
        try:
            segments.append(_parse_row(line, row))
        except UserError as error:
            mistakes.append(f"{table}:{line}: {error}")
    if not rows:
        mistakes.append(f"{table}: has no rows; expected one row for each segment of a video")
    raise_mistakes(mistakes)
    return segments


def class_names(segments: Sequence[Segment], order: str = "name") -> list[str]:
    """All labels of the table: sorted for the order "name", else in the order of first use."""
    names = list(dict.fromkeys(label for segment in segments for label in segment.labels))
    return sorted(names) if order == "name" else names


def check_videos(table: Path, videos: Path, segments: Sequence[Segment]) -> dict[str, VideoFacts]:
    """Checks the rows against the videos and against each other.

    Returns:
        The properties of every video in the table, by file name.

    Raises:
        UserError: lists all mistakes.
    """
    facts: dict[str, VideoFacts] = {}
    first_line: dict[str, int] = {}
    mistakes = []
    for segment in segments:
        if segment.video in first_line:
            continue
        first_line[segment.video] = segment.line
        try:
            facts[segment.video] = probe(videos / segment.video)
        except UserError as error:
            mistakes.append(f"{table}:{segment.line}: {error}")
    for segment in segments:
        seconds = facts[segment.video].seconds if segment.video in facts else math.inf
        if segment.end > seconds + 0.5 or segment.start >= seconds:
            mistakes.append(
                f"{table}:{segment.line}: {segment.start:g} to {segment.end:g} s, but "
                f"{segment.video} is {seconds:.2f} s long"
            )
    mistakes += [f"{table}:{line}: {text}" for line, text in _conflicts(segments, first_line)]
    raise_mistakes(mistakes)
    return facts


def split_segment(segment: Segment, video_seconds: float, clip_seconds: float) -> list[Segment]:
    """Divides a segment into pieces of equal length, as close to `clip_seconds` as possible.

    Rounded times can end a little after the video. The segment then ends with the video.
    """
    end = min(segment.end, video_seconds)
    if clip_seconds <= 0:
        return [replace(segment, end=end)]
    count = max(1, round((end - segment.start) / clip_seconds))
    edges = np.linspace(segment.start, end, count + 1).tolist()
    return [replace(segment, start=start, end=stop) for start, stop in itertools.pairwise(edges)]


def probe(path: Path) -> VideoFacts:
    """Reads the properties of a video.

    Raises:
        UserError: there is no such file, or it is not a video.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with open_container(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path}: has no video stream")
            stream = container.streams.video[0]
            fps = stream.average_rate or stream.guessed_rate or Fraction(25)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            # The length in the header is an estimate in many files; the packets have exact times.
            begins, ends = [], []
            for packet in container.demux(stream):
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is not None:
                    begins.append(stamp)
                    ends.append(stamp + (packet.duration or 1 / (fps * stream.time_base)))
            if not begins:
                raise UserError(f"{path}: has no frames")
            seconds = float((max(ends) - min(begins)) * stream.time_base)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{path}: cannot be opened as a video ({error})") from error
    return VideoFacts(seconds, fps, aspect)


def _parse_row(line: int, row: dict[str, str | None]) -> Segment:
    """Returns one row as a segment.

    Raises:
        UserError: the row is wrong; the text does not name the file and the line.
    """
    if None in row or None in row.values():
        raise UserError(
            f"the number of fields is not {len(COLUMNS)}, as in the header; "
            "labels separated by commas need quotes around them"
        )
    times = {}
    for column in ("start", "end"):
        try:
            times[column] = float(row[column])
        except ValueError:
            times[column] = math.nan
        if not 0 <= times[column] < math.inf:
            raise UserError(f"{column} {row[column]!r}: expected seconds, such as 12.5")
    if times["end"] <= times["start"]:
        raise UserError(f"end {row['end']}: expected more than the start, {row['start']}")
    split = row["split"].strip()
    if split not in SPLITS:
        raise UserError(f"split {row['split']!r}: expected train or val")
    labels = dict.fromkeys(name.strip() for name in re.split("[;,]", row["labels"]))
    video = row["video"].strip()
    if not video:
        raise UserError("video is empty; expected a file name")
    return Segment(line, video, **times, split=split, labels=tuple(name for name in labels if name))


def _conflicts(
    segments: Sequence[Segment], first_line: dict[str, int]
) -> Iterator[tuple[int, str]]:
    """Yields (line, mistake) for rows that contradict each other."""
    stems: dict[str, str] = {}
    for video in first_line:
        other = stems.setdefault(_stem(video), video)
        if other != video:
            yield (
                first_line[video],
                f"clips of {video} and {other} would have the same names; rename one of the videos",
            )
    spelled: dict[str, str] = {}
    for segment in segments:
        for label in segment.labels:
            other = spelled.setdefault(label.casefold(), label)
            if other != label:
                yield (
                    segment.line,
                    f"label {label!r} is spelled {other!r} in an earlier row; use one spelling",
                )
    in_time = sorted(segments, key=lambda s: (s.video, s.start))
    latest: dict[tuple[str, str], Segment] = {}  # the last end so far, by video and split
    taken: dict[str, int] = {}
    for segment in in_time:
        line = taken.setdefault(segment.name, segment.line)
        if line != segment.line:
            yield segment.line, f"is the same segment of {segment.video} as line {line}"
        other_split = "val" if segment.split == "train" else "train"
        other = latest.get((segment.video, other_split))
        if other is not None and segment.start < other.end:
            yield (
                segment.line,
                f"overlaps line {other.line}, which is in {other.split}; training and validation "
                "must not share frames",
            )
        mine = latest.get((segment.video, segment.split))
        if mine is None or segment.end > mine.end:
            latest[segment.video, segment.split] = segment


def raise_mistakes(mistakes: list[str]) -> None:
    """Raises a UserError that lists the mistakes, if there are any."""
    if not mistakes:
        return
    more = len(mistakes) - _MOST_MISTAKES
    lines = mistakes[:_MOST_MISTAKES] + ([f"... and {more} more"] if more > 0 else [])
    raise UserError("\n".join(lines))


def _stem(video: str) -> str:
    """The part of a clip's name that stands for the video: letters, digits, _ and - only."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", str(Path(video).with_suffix(""))).strip("_") or "video"
