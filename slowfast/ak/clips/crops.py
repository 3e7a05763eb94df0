"""Scaling, cropping and flipping of uint8 frames, and the sizes and places to do it at.

Frames stay uint8 until they are on the device: `cv2.resize` interpolates bytes to within one grey
level of the float result (0.018 after normalisation), at a fraction of the time. Scaling is
bilinear, without antialias, with pixel centres at half integers, as the published models were
trained.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

# Lets resize use Intel's primitives, which are not bit-exact with OpenCV's own code, take half its
# time and come closer to the float result. A setting of the thread, so made at every call; a build
# without them (ARM) has its own code alone.
_allow_ipp = getattr(getattr(cv2, "ipp", None), "setUseIPP_NotExact", lambda allowed: None)


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width once the shorter side is `short_side`; the longer one is floored.

    The quotient is taken first, in floating point, as upstream does: where the longer side is a
    whole number, it may come out one less.
    """
    if width <= height:
        return math.floor(height / width * short_side), short_side
    return short_side, math.floor(width / height * short_side)


def scale(frame: np.ndarray, size: tuple[int, int], memory: np.ndarray | None = None) -> np.ndarray:
    """A frame (H, W, 4) at another (height, width); itself where it has that size already.

    `memory`, of the result's shape, may be used for it.
    """
    if frame.shape[:2] == size:
        return frame
    _allow_ipp(True)
    return cv2.resize(frame, (size[1], size[0]), dst=memory, interpolation=cv2.INTER_LINEAR)


def crop_corners(height: int, width: int, crop: int, count: int) -> np.ndarray:
    """(count, 2) int64: upper left corners y0, x0 of square crops spread over the longer side.

    Corners are rounded up. One crop is the centre one; three are left, centre, right, or top,
    centre, bottom of a portrait frame.
    """
    share = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
    along = [math.ceil((max(height, width) - crop) * part) for part in share]
    across = math.ceil((min(height, width) - crop) / 2)
    corners = [(y, across) if height > width else (across, y) for y in along]
    return np.array(corners, dtype=np.int64)


@dataclass(frozen=True)
class Crop:
    """Scale a frame to `size`, cut a square of `side` pixels out at y0, x0, mirror it or not.

    With `cut_first` the piece of the frame that makes up the square is cut out first, at whole
    pixels of the frame, and it alone is scaled: each edge may lie off by less than a pixel.
    """

    size: tuple[int, int]
    y0: int
    x0: int
    side: int
    flip: bool = False
    cut_first: bool = False

    def memory(self) -> np.ndarray:
        """What `write` scales frames into; one serves all frames of a clip."""
        return np.empty((self.side, self.side, 4) if self.cut_first else (*self.size, 4), np.uint8)

    def write(self, frame: np.ndarray, planes: list[np.ndarray], memory: np.ndarray) -> None:
        """Put a uint8 frame (H, W, 4), so transformed, into four planes (side, side)."""
        if self.cut_first:
            rows = self._source(self.y0, frame.shape[0], self.size[0])
            columns = self._source(self.x0, frame.shape[1], self.size[1])
            part = scale(frame[rows, columns], (self.side, self.side), memory)
        else:
            part = scale(frame, self.size, memory)
            part = part[self.y0 : self.y0 + self.side, self.x0 : self.x0 + self.side]
        cv2.split(part, planes)  # into these: they have the shape and the type it asks for
        if self.flip:
            for plane in planes[:3]:
                cv2.flip(plane, 1, dst=plane)

    def _source(self, start: int, length: int, scaled: int) -> slice:
        """Pixels, of `length`, that become `side` of `scaled` ones from `start` on."""
        span = max(1, round(self.side * length / scaled))
        first = min(round(start * length / scaled), length - span)
        return slice(first, first + span)


class SquareCrop(ABC):
    """One crop for all frames of a clip; a transform of the frames of one window."""

    side: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """The crop for a clip of that frame size."""

    def __call__(
        self, frames: Iterable[np.ndarray], rows: np.ndarray, rng: np.random.Generator
    ) -> Tensor:
        """uint8 (3, T, side, side) from distinct frames (H, W, 4); rows (1, T) says which when."""
        (rows,) = rows.tolist()
        clip = np.empty((3, len(rows), self.side, self.side), np.uint8)
        nothing = np.empty((self.side, self.side), np.uint8)  # what the fourth byte says
        crop = None
        for row, frame in enumerate(frames):
            if crop is None:
                crop = self.draw(rng, *frame.shape[:2])
                memory = crop.memory()
            crop.write(frame, [*clip[:, rows.index(row)], nothing], memory)
        for place, row in enumerate(rows):
            if place != (first := rows.index(row)):
                clip[:, place] = clip[:, first]
        return torch.from_numpy(clip)


@dataclass(frozen=True)
class RandomCrop(SquareCrop):
    """The short side scaled to within `scales`, both ends included, and a square anywhere.

    With `inverse_uniform` 1 / size is uniform, else the size is. `flip` mirrors one clip in two.
    Places are drawn in pixels of the scaled frame, and cut in the frame's own.
    """

    scales: tuple[int, int]
    side: int
    inverse_uniform: bool = False
    flip: bool = False

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """A random crop for a clip whose frames are height x width pixels."""
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


@dataclass(frozen=True)
class CentreCrop(SquareCrop):
    """The short side scaled to `short_side`, and the square in the centre."""

    short_side: int
    side: int

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """The centre crop; nothing is drawn from `rng`."""
        size = scaled_size(height, width, self.short_side)
        ((y0, x0),) = crop_corners(*size, self.side, count=1).tolist()
        return Crop(size, y0, x0, self.side)
