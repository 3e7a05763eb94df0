"""Pictures as arrays: strips of clips, maps over them, and drawings of matplotlib.

A picture is uint8 (H, W, 3).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from torch import Tensor

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import nearest

_GAP = 2
_MOST_FRAMES = 16
_LEAST_HEIGHT = 64
_MOST_LETTERS = 100  # per line of a caption
_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue (ITU-R BT.709)


@dataclass
class Drawn:
    """The picture of a drawing, once the block of `drawn` has ended."""

    pixels: np.ndarray | None = None


@contextmanager
def drawn(size: Sequence[float]) -> Iterator[tuple[Figure, Drawn]]:
    """Gives a figure to draw on, ``size`` in inches, and its picture after the block."""
    # Not pyplot, which keeps every figure and needs a screen.
    figure = Figure(figsize=tuple(size), dpi=100, layout="constrained")
    canvas, image = FigureCanvasAgg(figure), Drawn()
    with matplotlib.rc_context({"text.parse_math": False}):  # a dollar sign in a name is text
        yield figure, image
        canvas.draw()
    image.pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()


def pixels_of(clip: Tensor, mean: Sequence[float], std: Sequence[float], rgb: bool) -> np.ndarray:
    """Returns frames uint8 RGB (T, H, W, 3) of a clip (3, T, H, W) as the network gets it."""
    scale, shift = (np.asarray(v, np.float64)[:, None, None, None] for v in (std, mean))
    values = (clip.detach().cpu().double().numpy() * scale + shift) * 255
    frames = np.clip(np.rint(values), 0, 255).astype(np.uint8).transpose(1, 2, 3, 0)
    return frames if rgb else frames[..., ::-1]


def strip(frames: np.ndarray) -> np.ndarray:
    """Returns frames (T, H, W, 3) side by side: at most 16, evenly spread, both ends included."""
    if len(frames) > _MOST_FRAMES:
        frames = frames[np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int)]
    height = frames.shape[1]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    parts = [part for frame in frames for part in (frame, gap)][:-1]
    return np.concatenate(parts, axis=1)


def stacked(strips: Sequence[np.ndarray]) -> np.ndarray:
    """Returns strips one below the other, with white on the right of shorter ones."""
    width = max(s.shape[1] for s in strips)
    rows = [
        np.pad(s, ((0, _GAP), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips
    ]
    return np.concatenate(rows)[:-_GAP]


def captioned(picture: np.ndarray, text: str, colour: Sequence[float] = (1, 1, 1)) -> np.ndarray:
    """Returns a picture with text above it, on a background ``colour``, RGB in 0..1."""
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, _MOST_LETTERS)]
    width = max(picture.shape[1], 7 * max(map(len, lines)))
    with drawn((width / 100, 0.18 * len(lines) + 0.08)) as (figure, image):
        figure.set_facecolor(colour)
        ink = "black" if np.dot(colour, _LUMINANCE) > 0.5 else "white"
        figure.text(4 / width, 0.5, "\n".join(lines), fontsize=9, va="center", color=ink)
    return stacked([image.pixels, picture])


def colormap(key: str, name: str) -> Colormap:
    """Returns the colour map of matplotlib with a name.

    Args:
        key: the configuration key that holds the name, for messages.

    Raises:
        UserError: matplotlib has no such colour map.
    """
    try:
        return matplotlib.colormaps[name]
    except KeyError:
        near = nearest(name, matplotlib.colormaps) or ["viridis"]
        raise UserError(
            f"{key}: matplotlib has no colour map {name!r}; take {' or '.join(near)}."
        ) from None


def coloured(values: np.ndarray, colours: Colormap) -> np.ndarray:
    """Returns colours uint8 (..., 3) of values in 0..1."""
    return (colours(values)[..., :3] * 255).round().astype(np.uint8)


def overlaid(
    frames: np.ndarray, maps: np.ndarray, colours: Colormap, alpha: float = 0.5
) -> np.ndarray:
    """Returns frames (T, H, W, 3) with maps (T, H, W) in 0..1 over them, in colours."""
    mixed = (1 - alpha) * frames + alpha * coloured(maps, colours)
    return mixed.round().astype(np.uint8)


def enlarged(frames: np.ndarray) -> np.ndarray:
    """Returns frames (T, H, W, 3) with larger pixels, so that they are at least 64 pixels high."""
    times = max(1, -(-_LEAST_HEIGHT // frames.shape[1]))
    return frames.repeat(times, axis=1).repeat(times, axis=2)


def scaled_to_one(values: Tensor) -> Tensor:
    """Returns values scaled to 0..1; constant values become 0."""
    values = values.float() - values.min()
    return values / values.max().clamp_min(torch.finfo(torch.float32).tiny)


def heat_strip(activation: Tensor) -> np.ndarray:
    """Returns a strip of an activation (C, T, H, W) of one clip: the mean over channels.

    Lower values are darker; each clip has its own scale.
    """
    maps = scaled_to_one(activation.detach().mean(dim=0)).cpu().numpy()
    return strip(enlarged(coloured(maps, matplotlib.colormaps["viridis"])))


def kernels(weight: Tensor) -> np.ndarray:
    """Returns a picture of the kernels (O, 3, T, H, W) of a layer whose input is pixels.

    Each kernel is a strip of its T frames on its own scale; strips stand side by side.
    """
    strips = []
    for kernel in weight.detach().cpu():
        frames = (scaled_to_one(kernel).numpy() * 255).round().astype(np.uint8)
        strips.append(strip(enlarged(frames.transpose(1, 2, 3, 0))))
    across = max(1, _MOST_FRAMES // weight.shape[2])
    rows = [np.stack(strips[k : k + across]) for k in range(0, len(strips), across)]
    return stacked([strip(row) for row in rows])
