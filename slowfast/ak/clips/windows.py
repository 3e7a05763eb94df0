"""Which frames of a clip a network sees.

Dense: a window takes `num_frames` frames, `rate` apart, and so spans W = (num_frames - 1) * rate
+ 1 frames. In a clip of L < W frames, indices beyond an end stay at that end.

Uniform: the whole clip, of whatever length, is cut into T = `num_frames` equal parts, and one frame
is taken of each: part k and phase p in [0, 1) are frame floor((k + p) L / T). In a clip of L < T
frames some come twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class FrameSampler(Protocol):
    """Says which frames of a clip are seen."""

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Frame indices (V, num_frames) int64, ascending: V looks at a clip of `length` frames."""


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


@dataclass(frozen=True)
class RandomParts:
    """One frame of each part of the clip, as training takes them, each at a phase of its own."""

    num_frames: int

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Frame indices (1, num_frames)."""
        place = np.arange(self.num_frames) + rng.random(self.num_frames)
        frames = (place * (length / self.num_frames)).astype(np.int64)
        return np.minimum(frames, length - 1)[None]  # rounding may lead one beyond


@dataclass(frozen=True)
class EvenParts:
    """`count` views, each with a frame of every part: view v at phase (v + 1/2) / count.

    A single view takes the parts' centres.
    """

    num_frames: int
    count: int = 1

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Frame indices (count, num_frames); nothing is drawn from `rng`."""
        part, view = np.arange(self.num_frames), np.arange(self.count)[:, None]
        halves = 2 * (part * self.count + view) + 1  # of a part's share of one view
        return halves * length // (2 * self.count * self.num_frames)


def random_frame_sampler(sampling: str, num_frames: int, rate: int) -> RandomWindow | RandomParts:
    """The sampler of training, for DATA.SAMPLING dense or uniform; `rate` is of dense windows."""
    return RandomParts(num_frames) if sampling == "uniform" else RandomWindow(num_frames, rate)


def even_frame_sampler(
    sampling: str, num_frames: int, rate: int, count: int = 1
) -> EvenWindows | EvenParts:
    """The sampler of validation and, with `count` views, of a test; likewise."""
    if sampling == "uniform":
        return EvenParts(num_frames, count)
    return EvenWindows(num_frames, rate, count)


def window_span(num_frames: int, rate: int) -> int:
    """Frames from the first to the last of a window, both counted."""
    return (num_frames - 1) * rate + 1


def slow_indices(num_frames: int, alpha: int) -> np.ndarray:
    """Which frames the slow pathway takes of the fast one's: num_frames // alpha, ends included."""
    return np.linspace(0, num_frames - 1, num_frames // alpha).astype(np.int64)


def _window(start: int, length: int, num_frames: int, rate: int) -> np.ndarray:
    return np.clip(start + rate * np.arange(num_frames), 0, length - 1)
