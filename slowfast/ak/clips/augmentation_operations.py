"""Operations on the pixels of a clip, a uint8 array (3, T, H, W), in planes, RGB.

Every operation treats all frames alike: what depends on the picture, such as the range of its
tones, is measured over the whole clip, or else the clip would flicker. Tones change by tables of
256 entries, places by one call of cv2 a plane, so that pixels never become floats. Values agree
with Pillow's ImageOps and ImageEnhance to within rounding.

Each takes the clip, which it may change, and gives the result: the same array or a new one.
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
    """Every tone times `factor`."""
    return _look_up(clip, _TONES * factor)


def contrast(clip: np.ndarray, factor: float) -> np.ndarray:
    """Every tone's distance from the clip's mean grey times `factor`."""
    mean = np.round(_grey(clip).mean())
    return _look_up(clip, mean + (_TONES - mean) * factor)


def invert(clip: np.ndarray) -> np.ndarray:
    """The negative."""
    return _look_up(clip, 255 - _TONES)


def posterize(clip: np.ndarray, bits: int) -> np.ndarray:
    """The `bits` highest of the 8 bits of each tone."""
    return _look_up(clip, _TONES >> (8 - bits) << (8 - bits))


def solarize(clip: np.ndarray, threshold: float) -> np.ndarray:
    """Tones from `threshold` on inverted."""
    return _look_up(clip, np.where(threshold <= _TONES, 255 - _TONES, _TONES))


def solarize_add(clip: np.ndarray, amount: float) -> np.ndarray:
    """`amount` added to the tones below 128."""
    return _look_up(clip, _TONES + amount * (_TONES < 128))


def auto_contrast(clip: np.ndarray) -> np.ndarray:
    """Each channel stretched so that its darkest tone is 0 and its brightest 255."""
    tables = []
    for histogram in _histograms(clip):
        low, high = np.flatnonzero(histogram)[[0, -1]]
        tables.append((_TONES - low) * (255 / (high - low)) if high > low else _TONES)
    return _look_up(clip, *tables)


def equalize(clip: np.ndarray) -> np.ndarray:
    """Each channel's tones spread so that all are about equally frequent."""
    tables = []
    for histogram in _histograms(clip):
        last = histogram[np.flatnonzero(histogram)[-1]]
        step = (histogram.sum() - last) // 255
        below = np.cumsum(histogram) - histogram
        tables.append((below + step // 2) // step if step else _TONES)
    return _look_up(clip, *tables)


def _look_up(clip: np.ndarray, *tables: np.ndarray) -> np.ndarray:
    """Tones through one table for all channels, or one for each; in place."""
    tables = [np.clip(np.round(table), 0, 255).astype(np.uint8) for table in tables]
    for part, table in zip(clip if len(tables) > 1 else [clip], tables, strict=True):
        pixels = part.reshape(-1, clip.shape[-1])
        cv2.LUT(pixels, table, dst=pixels)
    return clip


def _histograms(clip: np.ndarray) -> list[np.ndarray]:
    """(256,) int64 a channel: how many of its pixels have each tone."""
    channels = (channel.reshape(-1, clip.shape[-1]) for channel in clip)
    counts = (cv2.calcHist([channel], [0], None, [256], [0, 256]) for channel in channels)
    return [count.ravel().astype(np.int64) for count in counts]


def _grey(clip: np.ndarray) -> np.ndarray:
    """(T * H, W) luminance."""
    return cv2.cvtColor(
        cv2.merge([channel.reshape(-1, clip.shape[-1]) for channel in clip]), cv2.COLOR_RGB2GRAY
    )


# ------------------------------------------------------------------ blends with another picture


def saturation(clip: np.ndarray, factor: float) -> np.ndarray:
    """Every pixel's distance from its own grey times `factor`; 0 leaves a grey clip."""
    grey = _grey(clip)
    for channel in clip:
        pixels = channel.reshape(grey.shape)
        cv2.addWeighted(pixels, factor, grey, 1 - factor, 0, dst=pixels)
    return clip


def sharpness(clip: np.ndarray, factor: float) -> np.ndarray:
    """Every pixel's distance from a smoothed picture times `factor`; below 1 it blurs."""
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
    """A linear map about the centre, and a shift.

    Args:
        matrix: (2, 2), from places (x, y) of the result to those of the clip, seen from the centre.
        shift: (x, y) in pixels, added to the latter.
        fill: colour of what lies outside of the clip.
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
    """The matrix of a rotation, clockwise as one looks at the picture."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def shear(x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """The matrix that moves rows by `x` times their height, columns by `y` times their place."""
    return np.array([[1.0, x], [y, 1.0]])


def _planes(clip: np.ndarray) -> np.ndarray:
    return clip.reshape(-1, *clip.shape[-2:])
