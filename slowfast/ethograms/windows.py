"""The windows that slide over a video, in cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Windows of equal length that start at multiples of a stride.

    The first window starts at the beginning of the video. The last one is the first that reaches
    the end, and it can reach beyond it. If the stride is longer than a window, no window starts
    after the end of the video.

    Attributes:
        cells: the number of cells of the video, at least 1.
        length: cells of a window.
        stride: cells from the start of a window to the start of the next.
    """

    cells: int
    length: int
    stride: int

    @property
    def starts(self) -> np.ndarray:
        """(W,) int64: the first cell of each window."""
        until_end = -(-max(0, self.cells - self.length) // self.stride)
        inside = (self.cells - 1) // self.stride
        return self.stride * np.arange(min(until_end, inside) + 1)

    @property
    def stops(self) -> np.ndarray:
        """(W,) int64: the cell after the last of each window, at most the number of cells."""
        return np.minimum(self.starts + self.length, self.cells)
