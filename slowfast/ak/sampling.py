"""Which frames of a clip a network sees.

A window takes `num_frames` frames, `rate` apart, and so spans W = (num_frames - 1) * rate + 1
frames. In a clip of L < W frames, indices beyond an end stay at that end.

A sampler is anything with `draw(rng, length) -> (V, T) int64`: V windows on a clip of `length`
frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RandomWindow:
    """One window, as training takes it.

    Its start is uniform over 0..L-W; in a clip shorter than the window over L-W..0, so that the
    clip lies anywhere in the window, between repetitions of its first and last frame.
    """

    num_frames: int
    rate: int

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Frame indices (1, num_frames)."""
        room = length - window_span(self.num_frames, self.rate)
        start = rng.integers(min(room, 0), max(room, 0), endpoint=True)
        return _window(start, length, self.num_frames, self.rate)[None]


@dataclass(frozen=True)
class EvenWindows:
    """`count` windows spread evenly from the clip's start to its end; a single one in the centre.

    Window v starts at round(v (L - W) / (count - 1)), or at 0 in a clip shorter than the window.
    """

    num_frames: int
    rate: int
    count: int = 1

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Frame indices (count, num_frames); nothing is drawn from `rng`."""
        room = max(length - window_span(self.num_frames, self.rate), 0)
        if self.count == 1:
            starts = [room // 2]
        else:
            starts = [round(room / (self.count - 1) * view) for view in range(self.count)]
        return np.stack([_window(start, length, self.num_frames, self.rate) for start in starts])


def window_span(num_frames: int, rate: int) -> int:
    """Frames from the first to the last of a window, both counted."""
    return (num_frames - 1) * rate + 1


def slow_indices(num_frames: int, alpha: int) -> np.ndarray:
    """Which frames the slow pathway takes of the fast one's: num_frames // alpha, ends included."""
    return np.linspace(0, num_frames - 1, num_frames // alpha).astype(np.int64)


def _window(start: int, length: int, num_frames: int, rate: int) -> np.ndarray:
    return np.clip(start + rate * np.arange(num_frames), 0, length - 1)
