"""Operations on the pixels of a clip, a uint8 array (3, T, H, W), in planes, RGB.

Every operation treats all frames in the same way: values that depend on the picture, such as the
range of its tones, are measured over the whole clip; otherwise the clip would flicker. Tables of
256 entries change tones, and one call of cv2 for each plane moves pixels, so that pixels never
become floats. Results agree with Pillow's ImageOps and ImageEnhance to within rounding.

An operation takes the clip, which it can overwrite, and returns the same array or a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
}
_TONES = np.arange(256)
_SMOOTHING = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


# ------------------------------------------------------------------ tones, by table


def brightness(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies every tone by `factor`."""
    return _look_up(clip, _TONES * factor)


def contrast(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies every tone's distance from the clip's mean grey by `factor`."""
    mean = np.round(_grey(clip).mean())
    return _look_up(clip, mean + (_TONES - mean) * factor)


def invert(clip: np.ndarray) -> np.ndarray:
    """Inverts every tone."""
    return _look_up(clip, 255 - _TONES)


def add_colour(clip: np.ndarray, colour: Sequence[float]) -> np.ndarray:
    """Adds a colour (red, green, blue), in tones of 0 to 255, to every pixel."""
    return _look_up(clip, *(_TONES + part for part in colour))


def posterize(clip: np.ndarray, bits: int) -> np.ndarray:
    """Keeps the `bits` highest of the 8 bits of each tone."""
    return _look_up(clip, _TONES >> (8 - bits) << (8 - bits))


def solarize(clip: np.ndarray, threshold: float) -> np.ndarray:
    """Inverts tones from `threshold` on."""
    return _look_up(clip, np.where(threshold <= _TONES, 255 - _TONES, _TONES))


def solarize_add(clip: np.ndarray, amount: float) -> np.ndarray:
    """Adds `amount` to the tones below 128."""
    return _look_up(clip, _TONES + amount * (_TONES < 128))


def auto_contrast(clip: np.ndarray) -> np.ndarray:
    """Stretches each channel so that its darkest tone is 0 and its brightest 255."""
    tables = []
    for histogram in _histograms(clip):
        low, high = np.flatnonzero(histogram)[[0, -1]]
        tables.append((_TONES - low) * (255 / (high - low)) if high > low else _TONES)
    return _look_up(clip, *tables)


def equalize(clip: np.ndarray) -> np.ndarray:
    """Spreads the tones of each channel so that all are about equally frequent."""
    tables = []
    for histogram in _histograms(clip):
        last = histogram[np.flatnonzero(histogram)[-1]]
        step = (histogram.sum() - last) // 255
        below = np.cumsum(histogram) - histogram
        tables.append((below + step // 2) // step if step else _TONES)
    return _look_up(clip, *tables)


def _look_up(clip: np.ndarray, *tables: np.ndarray) -> np.ndarray:
    """Replaces tones by one table for all channels, or one table for each, in place."""
    tables = [np.clip(np.round(table), 0, 255).astype(np.uint8) for table in tables]
    for part, table in zip(clip if len(tables) > 1 else [clip], tables, strict=True):
        pixels = part.reshape(-1, clip.shape[-1])
        cv2.LUT(pixels, table, dst=pixels)
    return clip


def _histograms(clip: np.ndarray) -> list[np.ndarray]:
    """(256,) int64 for each channel: the number of pixels with each tone."""
    channels = (channel.reshape(-1, clip.shape[-1]) for channel in clip)
    counts = (cv2.calcHist([channel], [0], None, [256], [0, 256]) for channel in channels)
    return [count.ravel().astype(np.int64) for count in counts]


def _grey(clip: np.ndarray) -> np.ndarray:
    """(T * H, W) luminance."""
    return cv2.cvtColor(
        cv2.merge([channel.reshape(-1, clip.shape[-1]) for channel in clip]), cv2.COLOR_RGB2GRAY
    )


# ------------------------------------------------------------------ colour circle


def hue(clip: np.ndarray, shift: float) -> np.ndarray:
    """Moves the hue of every pixel by a part of the colour circle; 1/3 turns red into green."""
    channels = [channel.reshape(-1, clip.shape[-1]) for channel in clip]
    angles, *others = cv2.split(cv2.cvtColor(cv2.merge(channels), cv2.COLOR_RGB2HSV_FULL))
    angles += np.uint8(round(256 * shift) % 256)  # the sum wraps around, as the circle does
    moved = cv2.cvtColor(cv2.merge([angles, *others]), cv2.COLOR_HSV2RGB_FULL)
    for channel, pixels in zip(channels, cv2.split(moved), strict=True):
        channel[...] = pixels
    return clip


# ------------------------------------------------------------------ mixtures with another picture


def saturation(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies every pixel's distance from its own grey by `factor`; 0 gives a grey clip."""
    grey = _grey(clip)
    for channel in clip:
        pixels = channel.reshape(grey.shape)
        cv2.addWeighted(pixels, factor, grey, 1 - factor, 0, dst=pixels)
    return clip


def sharpness(clip: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies every pixel's distance from a smoothed picture by `factor`; below 1 it blurs."""
    for plane in _planes(clip):
        soft = cv2.filter2D(plane, -1, _SMOOTHING, borderType=cv2.BORDER_REPLICATE)
        cv2.addWeighted(plane, factor, soft, 1 - factor, 0, dst=plane)
    return clip


# ------------------------------------------------------------------ geometry


def warp(
    clip: np.ndarray,
    matrix: np.ndarray,
    shift: Sequence[float] = (0.0, 0.0),
    fill: Sequence[int] = (0, 0, 0),
    interpolation: str = "bilinear",
) -> np.ndarray:
    """Applies a linear map around the centre, and a shift.

    Args:
        matrix: (2, 2), from positions (x, y) in the result to positions in the clip, both relative
            to the centre.
        shift: (x, y) in pixels, added to the positions in the clip.
        fill: the colour of positions outside the clip.
        interpolation: nearest, bilinear or bicubic.
    """
    height, width = clip.shape[-2:]
    centre = np.array([width - 1, height - 1]) / 2
    offset = centre - matrix @ centre + shift
    result = np.empty_like(clip)
    for plane, out, colour in zip(
        _planes(clip), _planes(result), np.repeat(fill, clip.shape[1]).tolist(), strict=True
    ):
        cv2.warpAffine(
            plane,
            np.column_stack([matrix, offset]),
            (width, height),
            dst=out,
            flags=INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=colour,
        )
    return result


def rotation(degrees: float) -> np.ndarray:
    """The matrix of a clockwise rotation of the picture."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def shear(x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """The matrix that moves rows by `x` times their y, and columns by `y` times their x."""
    return np.array([[1.0, x], [y, 1.0]])


def _planes(clip: np.ndarray) -> np.ndarray:
    return clip.reshape(-1, *clip.shape[-2:])
