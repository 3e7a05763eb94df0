"""The scores of a video over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VideoScores:
    """Scores of consecutive cells, which divide a video from its beginning to its end.

    A cell is as long as the step between two frames of a window. So every window consists of whole
    cells.

    Attributes:
        video: the path of the video, or of the folder of its frames, as it was given.
        classes: C names.
        times: (G + 1,) float64 edges of the cells, seconds, ascending; the first is 0, the last is
            the length of the video.
        frames: (G + 1,) int64 edges of the cells as numbers of frames from 0, ascending; the last
            is the number of frames of the video.
        scores: (G, C) float32 from 0 to 1; NaN where nothing was scored.
    """

    video: str
    classes: tuple[str, ...]
    times: np.ndarray
    frames: np.ndarray
    scores: np.ndarray

    @property
    def seconds(self) -> float:
        """The length of the video."""
        return float(self.times[-1])


@dataclass(frozen=True)
class Bout:
    """A time in which a video shows a class without interruption.

    Attributes:
        subject: the animal; "" if it is not known.
        start, stop: seconds; the bout lasts from `start` up to, and without, `stop`.
        first_frame, last_frame: numbers of frames from 0, both included.
        mean, peak: the mean and the highest score in this time; None for a person's bout.
    """

    video: str
    label: str
    start: float
    stop: float
    first_frame: int
    last_frame: int
    subject: str = ""
    mean: float | None = None
    peak: float | None = None
