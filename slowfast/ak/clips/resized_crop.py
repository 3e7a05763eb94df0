"""Random resized crops: a part of the frame with a random area and aspect ratio, made square.

Szegedy et al., "Going deeper with convolutions", CVPR 2015, train on such crops. Published vision
transformers are trained with them (DATA.TRAIN_JITTER_SCALES_RELATIVE and ASPECT_RELATIVE).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slowfast.ak.clips.sampling import Crop, SquareCrop, scale

Box = tuple[int, int, int, int]  # top, left, height, width


@dataclass(frozen=True)
class RandomResizedCrop(SquareCrop):
    """A part of the frame, scaled to a square of `side` pixels.

    The area of the part is uniform between the `scales`. Its sides are rounded to pixels, and its
    place is uniform over all where it fits, both ends included. If a part is larger than the frame,
    it is drawn again, up to `attempts` times in all. Then the part is the largest in the centre of
    the frame with an aspect ratio between the `ratios`.

    Args:
        scales: smallest and largest area, as a share of the area of the frame.
        ratios: smallest and largest aspect ratio, width / height.
        flip: whether one clip in two is mirrored.
        moves: whether the part moves: two parts are drawn, for the first and the last frame of the
            clip, and place and size are linear in between, truncated to pixels.
        uniform_ratio: whether the aspect ratio is uniform between the `ratios`, and height and
            width are exchanged at a chance of one half. Otherwise its logarithm is uniform.
        resize: scales frames, with the parameters of `slowfast.ak.clips.sampling.scale`.
        attempts: how often a part is drawn, if it is larger than the frame.
    """

    scales: tuple[float, float]
    ratios: tuple[float, float]
    side: int
    flip: bool = False
    moves: bool = False
    uniform_ratio: bool = False
    resize: Callable[..., np.ndarray] = scale
    attempts: int = 10

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """A random crop for frames of height x width pixels."""
        return self.draw_clip(rng, height, width, 1)[0]

    def draw_clip(
        self, rng: np.random.Generator, height: int, width: int, times: int
    ) -> list[Crop]:
        """The crop at each of `times` times of a clip; with one time, the first if it `moves`."""
        boxes = [self.draw_box(rng, height, width)]
        if self.moves:
            boxes = moved(boxes[0], self.draw_box(rng, height, width), times)
        flip = bool(self.flip and rng.random() < 0.5)
        crops = [self._crop(box, (height, width), flip) for box in boxes]
        return crops if self.moves else crops * times

    def draw_box(self, rng: np.random.Generator, height: int, width: int) -> Box:
        """Top, left, height and width, in pixels, of a random part of a frame."""
        for _ in range(self.attempts):
            area = rng.uniform(*self.scales) * height * width
            ratio = self._draw_ratio(rng)
            part = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if self.uniform_ratio and rng.random() < 0.5:
                part = part[::-1]
            if 0 < part[0] <= height and 0 < part[1] <= width:
                top = int(rng.integers(height - part[0], endpoint=True))
                left = int(rng.integers(width - part[1], endpoint=True))
                return top, left, *part
        return largest_box(height, width, self.ratios)

    def _draw_ratio(self, rng: np.random.Generator) -> float:
        if self.uniform_ratio:
            return rng.uniform(*self.ratios)
        return math.exp(rng.uniform(*map(math.log, self.ratios)))

    def _crop(self, box: Box, size: tuple[int, int], flip: bool) -> Crop:
        top, left, *part = box
        return Crop(size, top, left, self.side, flip, True, tuple(part), self.resize)


def largest_box(height: int, width: int, ratios: tuple[float, float]) -> Box:
    """The largest part in the centre of a frame with an aspect ratio between the `ratios`."""
    low, high = ratios
    part = height, width
    if width < low * height:
        part = min(round(width / low), height), width
    elif width > high * height:
        part = height, min(round(height * high), width)
    return (height - part[0]) // 2, (width - part[1]) // 2, *part


def moved(first: Box, last: Box, times: int) -> list[Box]:
    """The parts at `times` times, linear from the first to the last; at one time, the first."""
    steps = max(times - 1, 1)
    shares = [(steps - time, time) for time in range(times)]
    return [
        tuple((a * before + b * after) // steps for a, b in zip(first, last, strict=True))
        for before, after in shares
    ]
