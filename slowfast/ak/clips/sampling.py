"""Which part of a clip the network sees: some of its frames, and a square of their pixels.

Frames, dense: a window takes `num_frames` frames, `rate` apart, and so spans W = (num_frames - 1) *
rate + 1 frames. In a clip of L < W frames, indices beyond an end stay at that end.

Frames, spread, as the published networks of Kinetics were trained: a window spans W = num_frames *
rate frames, and its frames are spread evenly from its first to its last frame, rounded down. So 8
frames at rate 8 are 9 apart.

Dense and spread windows count frames of a rate, such as 30 a second. `step` is the number of frames
of the clip for one of these; a window then spans W * step frames of the clip.

Frames, uniform: the whole clip is cut into T = `num_frames` equal parts, and one frame of each part
is taken: part k and phase p in [0, 1) give frame floor((k + p) L / T). In a clip of L < T frames
some frames come twice.

Frames, segments, as the published networks of Something-Something V2 were trained: segment k of T
lies between the frames round(k (L - 1) / T) and round((k + 1) (L - 1) / T), both included, so that
neighbours share a frame. One frame of each segment is taken.

Pixels stay uint8 until they are on the device. `cv2.resize` interpolates bytes to within one grey
level of the float result (0.018 after normalisation) in a fraction of the time. Scaling is
bilinear, without antialiasing, with pixel centres at half integers, as the published models were
trained.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

# Lets resize use Intel's primitives, which take half the time and are closer to the float result,
# but differ from OpenCV's own code in single bits. It is a setting of the thread, so each call
# makes it. Builds without these primitives (ARM) have only OpenCV's code.
_allow_ipp = getattr(getattr(cv2, "ipp", None), "setUseIPP_NotExact", lambda allowed: None)


class ClipSize(NamedTuple):
    """The size of a clip where it changes during training.

    Attributes:
        num_frames: frames of the clip.
        longest_rate: the largest distance of its frames.
        side: height and width, pixels.
    """

    num_frames: int
    longest_rate: int
    side: int


# ------------------------------------------------------------------ frames


class FrameSampler(ABC):
    """Chooses the frames of a clip that the network sees."""

    num_frames: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Ascending frame indices (V, num_frames) int64: V views of a clip of `length` frames.

        Args:
            step: frames of the clip for one frame of the rate that windows count.
        """

    def resized(self, size: ClipSize) -> FrameSampler:
        """The same sampler for clips of another size."""
        return replace(self, num_frames=size.num_frames)


@dataclass(frozen=True)
class RandomWindow(FrameSampler):
    """One window at a random place, for training.

    Its start is uniform over 0..L-W. In a clip shorter than the window it is uniform over L-W..0,
    so that the clip lies anywhere in the window, between copies of its first and last frame.

    Args:
        longest_rate: if it is above `rate`, the distance of frames is a random whole number from
            `rate` to `longest_rate`.
    """

    num_frames: int
    rate: int
    longest_rate: int = 0

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (1, num_frames)."""
        rate = _random_rate(rng, self.rate, self.longest_rate) * step
        room = length - window_span(self.num_frames, rate)
        start = rng.integers(min(room, 0), max(room, 0), endpoint=True)
        return _window(start, length, self.num_frames, rate)[None]

    def resized(self, size: ClipSize) -> RandomWindow:
        return replace(self, num_frames=size.num_frames, longest_rate=size.longest_rate)


@dataclass(frozen=True)
class EvenWindows(FrameSampler):
    """`count` windows spread evenly from the clip's start to its end; a single one in the centre.

    Window v starts at round(v (L - W) / (count - 1)), or at 0 in a clip shorter than the window.
    """

    num_frames: int
    rate: int
    count: int = 1

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (count, num_frames). `rng` is not used."""
        rate = self.rate * step
        room = max(length - window_span(self.num_frames, rate), 0)
        if self.count == 1:
            starts = [room // 2]
        else:
            starts = [round(room / (self.count - 1) * view) for view in range(self.count)]
        return np.stack([_window(start, length, self.num_frames, rate) for start in starts])

    def resized(self, size: ClipSize) -> EvenWindows:
        return replace(self, num_frames=size.num_frames, rate=size.longest_rate)


@dataclass(frozen=True)
class RandomSpread(FrameSampler):
    """One spread window, for training. Its start is uniform over 0..L-W, not only whole frames.

    A clip shorter than the window begins with the window, and its last frame is repeated.

    Args:
        longest_rate: as in `RandomWindow`.
    """

    num_frames: int
    rate: int
    longest_rate: int = 0

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (1, num_frames)."""
        rate = _random_rate(rng, self.rate, self.longest_rate)
        span = max(1.0, self.num_frames * rate * step)
        start = rng.uniform(0, max(length - span, 0))
        return spread_frames(start, start + span - 1, self.num_frames, length)[None]

    def resized(self, size: ClipSize) -> RandomSpread:
        return replace(self, num_frames=size.num_frames, longest_rate=size.longest_rate)


@dataclass(frozen=True)
class EvenSpread(FrameSampler):
    """`count` spread windows: window v starts at v (L - W) / count.

    So a single window is the first of the clip, and none ends with the clip. With `offset` window v
    starts at v floor((L - W) / (count - 1)), and a single one at floor((L - W) / 2).
    """

    num_frames: int
    rate: int
    count: int = 1
    offset: bool = False

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (count, num_frames). `rng` is not used."""
        span = max(1.0, self.num_frames * self.rate * step)
        room = max(length - span, 0)
        starts = [spread_start(room, view, self.count, self.offset) for view in range(self.count)]
        windows = [
            spread_frames(start, start + span - 1, self.num_frames, length) for start in starts
        ]
        return np.stack(windows)

    def resized(self, size: ClipSize) -> EvenSpread:
        return replace(self, num_frames=size.num_frames, rate=size.longest_rate)


@dataclass(frozen=True)
class RandomParts(FrameSampler):
    """One frame of each part of the clip, each at its own random phase, for training."""

    num_frames: int

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (1, num_frames). `step` is not used."""
        place = np.arange(self.num_frames) + rng.random(self.num_frames)
        frames = (place * (length / self.num_frames)).astype(np.int64)
        return np.minimum(frames, length - 1)[None]  # rounding can give `length`


@dataclass(frozen=True)
class EvenParts(FrameSampler):
    """`count` views, each with a frame of every part: view v has phase (v + 1/2) / count.

    A single view takes the centres of the parts.
    """

    num_frames: int
    count: int = 1

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (count, num_frames). `rng` and `step` are not used."""
        part, view = np.arange(self.num_frames), np.arange(self.count)[:, None]
        halves = 2 * (part * self.count + view) + 1  # halves of a part's share of one view
        return halves * length // (2 * self.count * self.num_frames)


@dataclass(frozen=True)
class RandomSegments(FrameSampler):
    """One frame of each segment of the clip at random, for training."""

    num_frames: int

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (1, num_frames). `step` is not used."""
        bounds = _segment_bounds(self.num_frames, length)
        return rng.integers(bounds[:-1], bounds[1:], endpoint=True)[None]


@dataclass(frozen=True)
class EvenSegments(FrameSampler):
    """`count` views, each with a frame of every segment: view v has phase (v + 1/2) / count.

    A single view takes the frames in the middle, rounded down.
    """

    num_frames: int
    count: int = 1

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        """Frame indices (count, num_frames). `rng` and `step` are not used."""
        bounds, view = _segment_bounds(self.num_frames, length), np.arange(self.count)[:, None]
        return bounds[:-1] + np.diff(bounds) * (2 * view + 1) // (2 * self.count)


def random_frame_sampler(
    sampling: str, num_frames: int, rate: int, longest_rate: int = 0
) -> FrameSampler:
    """The frame sampler of training for a `sampling` dense, spread, uniform or segments.

    Args:
        rate: the distance of frames; only dense and spread sampling read it.
        longest_rate: as in `RandomWindow`; as for `rate`.
    """
    if sampling == "spread":
        return RandomSpread(num_frames, rate, longest_rate)
    if sampling == "segments":
        return RandomSegments(num_frames)
    if sampling == "uniform":
        return RandomParts(num_frames)
    return RandomWindow(num_frames, rate, longest_rate)


def even_frame_sampler(
    sampling: str, num_frames: int, rate: int, count: int = 1, offset: bool = False
) -> EvenWindows | EvenSpread | EvenParts | EvenSegments:
    """The frame sampler of validation and, with `count` views, of a test.

    Args:
        offset: as in `EvenSpread`; only spread sampling reads it.
    """
    if sampling == "spread":
        return EvenSpread(num_frames, rate, count, offset)
    if sampling == "segments":
        return EvenSegments(num_frames, count)
    if sampling == "uniform":
        return EvenParts(num_frames, count)
    return EvenWindows(num_frames, rate, count)


def _random_rate(rng: np.random.Generator, rate: int, longest_rate: int) -> int:
    """A random whole number between two rates, both included; the first if it is the larger."""
    return int(rng.integers(rate, longest_rate, endpoint=True)) if longest_rate > rate else rate


def window_span(num_frames: int, rate: float) -> int:
    """The number of frames from the first to the last of a window, both counted."""
    return round((num_frames - 1) * rate) + 1


def spread_start(room: float, view: int, count: int, offset: bool) -> float:
    """The first frame of one of `count` windows, as in `EvenSpread`.

    Args:
        room: by how many frames the clip is longer than a window.
    """
    if not offset:
        return room * view / count
    return view * math.floor(room / (count - 1)) if count > 1 else math.floor(room / 2)


def spread_frames(first: float, last: float, count: int, length: int) -> np.ndarray:
    """(count,) int64: frames evenly spread from the first to the last, rounded down.

    Frames beyond an end of a clip of `length` frames become that end. The places are float32, as
    those of the published networks are; in float64 some are rounded down to another frame.
    """
    return torch.linspace(first, last, count).clamp(0, length - 1).long().numpy()


def slow_indices(num_frames: int, alpha: int) -> np.ndarray:
    """The num_frames // alpha frames of the slow pathway, evenly spread, with both ends."""
    return np.linspace(0, num_frames - 1, num_frames // alpha).astype(np.int64)


def _segment_bounds(num_frames: int, length: int) -> np.ndarray:
    """(num_frames + 1,) int64: the first frame of each segment, and the last frame of the clip."""
    return np.round(np.arange(num_frames + 1) * ((length - 1) / num_frames)).astype(np.int64)


def _window(start: int, length: int, num_frames: int, rate: float) -> np.ndarray:
    offsets = np.round(rate * np.arange(num_frames)).astype(np.int64)
    return np.clip(start + offsets, 0, length - 1)


# ------------------------------------------------------------------ pixels


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width after the shorter side has become `short_side`; the longer one is floored.

    The quotient is taken first, in floating point, as upstream does it: a longer side that would be
    a whole number can become one pixel less.
    """
    if width <= height:
        return math.floor(height / width * short_side), short_side
    return short_side, math.floor(width / height * short_side)


def scale(frame: np.ndarray, size: tuple[int, int], memory: np.ndarray | None = None) -> np.ndarray:
    """A frame (H, W, 4) scaled to (height, width); the frame itself if it has that size.

    Args:
        memory: an array with the shape of the result, which can be used for it.
    """
    if frame.shape[:2] == size:
        return frame
    _allow_ipp(True)
    return cv2.resize(frame, (size[1], size[0]), dst=memory, interpolation=cv2.INTER_LINEAR)


def crop_corners(height: int, width: int, crop: int, count: int) -> np.ndarray:
    """(count, 2) int64: upper left corners y0, x0 of square crops spread over the longer side.

    Corners are rounded up. One crop is in the centre. Three crops are left, centre and right, or
    top, centre and bottom of a portrait frame.
    """
    share = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
    along = [math.ceil((max(height, width) - crop) * part) for part in share]
    across = math.ceil((min(height, width) - crop) / 2)
    corners = [(y, across) if height > width else (across, y) for y in along]
    return np.array(corners, dtype=np.int64)


@dataclass(frozen=True)
class Crop:
    """Scales a frame to `size`, and cuts out a square of `side` pixels at y0, x0.

    Args:
        flip: whether the square is mirrored.
        cut_first: whether the piece of the frame that makes up the square is cut out first, at
            whole pixels of the frame, and only this piece is scaled. Each edge can be off by less
            than a pixel of the frame.
        part: height and width of a piece of the scaled frame that is scaled again, to the square;
            only with `cut_first`. None: the piece is the square.
        resize: scales frames, with the parameters of `scale`.
    """

    size: tuple[int, int]
    y0: int
    x0: int
    side: int
    flip: bool = False
    cut_first: bool = False
    part: tuple[int, int] | None = None
    resize: Callable[..., np.ndarray] = scale

    def memory(self) -> np.ndarray:
        """Memory for the scaled frame in `write`. All frames of a clip can use the same."""
        return np.empty((self.side, self.side, 4) if self.cut_first else (*self.size, 4), np.uint8)

    def write(self, frame: np.ndarray, planes: list[np.ndarray], memory: np.ndarray) -> None:
        """Crops a uint8 frame (H, W, 4) and writes it into four planes (side, side)."""
        if self.cut_first:
            height, width = self.part or (self.side, self.side)
            rows = _source(self.y0, height, frame.shape[0], self.size[0])
            columns = _source(self.x0, width, frame.shape[1], self.size[1])
            square = self.resize(frame[rows, columns], (self.side, self.side), memory)
        else:
            scaled = self.resize(frame, self.size, memory)
            square = scaled[self.y0 : self.y0 + self.side, self.x0 : self.x0 + self.side]
        cv2.split(square, planes)  # writes into the planes, as shape and type fit
        if self.flip:
            for plane in planes[:3]:
                cv2.flip(plane, 1, dst=plane)


def _source(start: int, span: int, length: int, scaled: int) -> slice:
    """Which of `length` pixels become `span` of `scaled` pixels, from `start` on."""
    pixels = max(1, round(span * length / scaled))
    first = min(round(start * length / scaled), length - pixels)
    return slice(first, first + pixels)


class SquareCrop(ABC):
    """A transform of the frames of windows: a square of each frame, at a place that is drawn."""

    side: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """The crop for a clip with frames of height x width pixels."""

    def resized(self, side: int) -> SquareCrop:
        """The same transform for another side; frames are scaled by as much."""
        return replace(self, side=side)

    def draw_clip(
        self, rng: np.random.Generator, height: int, width: int, times: int
    ) -> list[Crop]:
        """The crop at each of `times` times of a clip: the same at all."""
        return [self.draw(rng, height, width)] * times

    def __call__(
        self, frames: Iterable[np.ndarray], rows: np.ndarray, rng: np.random.Generator
    ) -> list[Tensor]:
        """Clips uint8 (3, T, side, side), each with a crop of its own, in one pass over frames.

        Args:
            frames: (H, W, 4).
            rows: (clips, T): which of the frames a clip shows at each time.
        """
        clips = [_CroppedClip(self, each, rng) for each in rows.tolist()]
        for row, frame in enumerate(frames):
            for clip in clips:
                clip.add(row, frame)
        return [clip.finished() for clip in clips]


class _CroppedClip:
    """A clip that is written frame by frame. Its crops are drawn at its first frame.

    Args:
        rows: the number of the frame at each time.
    """

    def __init__(self, transform: SquareCrop, rows: list[int], rng: np.random.Generator) -> None:
        self._transform, self._rows, self._rng = transform, rows, rng
        side = transform.side
        self._clip = np.empty((3, len(rows), side, side), np.uint8)
        self._unused = np.empty((side, side), np.uint8)  # the fourth byte of each pixel
        self._crops: list[Crop] = []

    def add(self, row: int, frame: np.ndarray) -> None:
        """Writes a frame to each time that shows it."""
        times = [time for time, each in enumerate(self._rows) if each == row]
        if not times:
            return
        if not self._crops:
            size = frame.shape[:2]
            self._crops = self._transform.draw_clip(self._rng, *size, len(self._rows))
            self._memory = self._crops[0].memory()
        first, *others = times
        self._write(first, frame)
        for time in others:
            if self._crops[time] is self._crops[first]:
                self._clip[:, time] = self._clip[:, first]
            else:
                self._write(time, frame)

    def _write(self, time: int, frame: np.ndarray) -> None:
        self._crops[time].write(frame, [*self._clip[:, time], self._unused], self._memory)

    def finished(self) -> Tensor:
        """uint8 (3, T, side, side)."""
        return torch.from_numpy(self._clip)


@dataclass(frozen=True)
class RandomCrop(SquareCrop):
    """The short side scaled to within `scales`, both ends included, and a square anywhere.

    The place is drawn in pixels of the scaled frame, and cut in pixels of the frame.

    Args:
        inverse_uniform: whether 1 / size is uniform. Otherwise size is.
        flip: whether one clip in two is mirrored.
    """

    scales: tuple[int, int]
    side: int
    inverse_uniform: bool = False
    flip: bool = False

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """A random crop for a clip with frames of height x width pixels."""
        low, high = self.scales
        if self.inverse_uniform:
            short_side = round(1 / rng.uniform(1 / high, 1 / low))
        else:
            short_side = round(rng.uniform(low, high))
        size = scaled_size(height, width, short_side)
        y0 = int(rng.integers(size[0] - self.side, endpoint=True))
        x0 = int(rng.integers(size[1] - self.side, endpoint=True))
        flip = bool(self.flip and rng.random() < 0.5)
        return Crop(size, y0, x0, self.side, flip, cut_first=True)

    def resized(self, side: int) -> RandomCrop:
        """The same crop for another side. The smallest scale changes by as much, not the largest,
        so that small crops show parts of the frame too (Wu et al., CVPR 2020)."""
        low, high = self.scales
        return replace(self, side=side, scales=(round(low * side / self.side), high))


@dataclass(frozen=True)
class CentreCrop(SquareCrop):
    """The short side scaled to `short_side`, and the square in the centre."""

    short_side: int
    side: int

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """The crop in the centre. `rng` is not used."""
        size = scaled_size(height, width, self.short_side)
        ((y0, x0),) = crop_corners(*size, self.side, count=1).tolist()
        return Crop(size, y0, x0, self.side)

    def resized(self, side: int) -> CentreCrop:
        return replace(self, side=side, short_side=round(self.short_side * side / self.side))
