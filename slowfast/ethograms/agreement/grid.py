"""The frames of a video that show a class, from bouts in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slowfast.ethograms.scores import Bout


@dataclass(frozen=True)
class Grid:
    """The times of the frames of a video.

    Attributes:
        edges: (F + 1,) float64 seconds, ascending: frame f lasts from edges[f] to edges[f + 1].
    """

    edges: np.ndarray

    @classmethod
    def of_rate(cls, seconds: float, rate: float) -> Grid:
        """Returns frames of equal length: `rate` frames per second, and at least one."""
        return cls(np.arange(max(1, round(seconds * rate)) + 1) / rate)

    @property
    def frames(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def _middles(self) -> np.ndarray:
        return (self.edges[:-1] + self.edges[1:]) / 2

    def time_of(self, frame: int) -> float:
        """Returns when a frame begins, in seconds; the end of the video for later frames."""
        return float(self.edges[min(frame, self.frames)])

    def span(self, start: float, stop: float) -> tuple[int, int]:
        """Returns the frames (first, end) of a time, `end` not included.

        A frame belongs to the time that holds its middle. The ends of a time may therefore be
        rounded, as programs that write three decimals do. A time that holds no middle, such as a
        point event, gets the frame that it lies in. A time outside of the video gets no frame.
        """
        begin, last = self.edges[0], self.edges[-1]
        if stop < begin or start > last or (start == last and stop > start):
            return 0, 0
        first, end = np.searchsorted(self._middles, (start, stop)).tolist()
        if end <= first:
            first = int(np.searchsorted(self.edges, (start + stop) / 2, side="right")) - 1
            first = min(max(first, 0), self.frames - 1)
            end = first + 1
        return first, end

    def shown(self, bouts: Iterable[Bout], classes: Sequence[str]) -> np.ndarray:
        """Returns (F, C) booleans: whether a frame lies in a bout of the class.

        Bouts of other classes are left out. Bouts of a class that overlap or touch, such as those
        of two animals, become one.
        """
        place = {name: index for index, name in enumerate(classes)}
        shown = np.zeros((self.frames, len(classes)), dtype=bool)
        for bout in bouts:
            if bout.label in place:
                first, end = self.span(bout.start, bout.stop)
                shown[first:end, place[bout.label]] = True
        return shown


def runs(shown: np.ndarray) -> np.ndarray:
    """Returns (n, 2): the first frame and the end, not included, of each run of True in (F,)."""
    steps = np.diff(np.concatenate(([0], shown.astype(np.int8), [0])))
    return np.flatnonzero(steps).reshape(-1, 2)
