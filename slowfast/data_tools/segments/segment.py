"""A segment of a video, which becomes one clip or several clips of about equal length."""

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slowfast.data_tools.events import Place


@dataclass(frozen=True)
class Segment:
    """A part of a video that becomes one clip.

    Attributes:
        place: its row in the table.
        video: path below the folder of videos; absolute for a video that is elsewhere.
        start, end: seconds from the beginning of the video.
        split: train, val or test; "" before it is decided.
    """

    place: Place
    video: str
    start: float
    end: float
    split: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the clip: the video and the times in milliseconds, so that names sort by time."""
        return f"{stem_of(self.video)}_{1000 * self.start:06.0f}-{1000 * self.end:06.0f}"

    @property
    def seconds(self) -> float:
        """The length."""
        return self.end - self.start


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


def stem_of(video: str) -> str:
    """The part of a clip's name that stands for the video: letters, digits, _ and - only."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", str(Path(video).with_suffix(""))).strip("_") or "video"
