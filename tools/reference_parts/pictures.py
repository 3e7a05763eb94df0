"""Measures scaling, cropping, normalising and the slow pathway from outside.

The pixels of the pictures are their own coordinates. They show where a crop was taken, and the step
from pixel to pixel shows the size to which a picture was scaled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from slowfast.datasets.utils import pack_pathway_output, spatial_sampling, tensor_normalize

from .files import Made, renewed
from .settings import configured


def spatial_and_pathway(existing: Any, name: str) -> Made:
    """Makes corners of crops, sizes after scaling, and frames of the slow pathway."""
    crops = [
        renewed(case, _corner(case), "height", "width", "size", "spatial_idx")
        for case in existing["uniform_crop"]
    ]
    scales = [
        renewed(case, {"out": _scaled(case)}, "in", "short_side")
        for case in existing["short_side_scale"]
    ]
    slow = {
        case: _slow_frames(*map(int, case.split("_"))) for case in existing["slow_pathway_indices"]
    }
    return Made({"uniform_crop": crops, "short_side_scale": scales, "slow_pathway_indices": slow})


def pixel_pipeline(existing: Any, name: str) -> Made:
    """Makes means, deviations and single values of the crops of a drawn clip."""
    frames = tensor_normalize(drawn_clip(), [0.45] * 3, [0.225] * 3).permute(3, 0, 1, 2)
    results = {}
    for index, case in existing["by_spatial_idx"].items():
        crop = spatial_sampling(frames, int(index), 256, 256, 256)
        places = {place: tuple(map(int, place.split(","))) for place in case["samples"]}
        results[index] = {
            "shape": list(crop.shape),
            "mean": crop.mean((1, 2, 3)).tolist(),
            "std": crop.std((1, 2, 3)).tolist(),
            "samples": {place: crop[where].item() for place, where in places.items()},
        }
    made = {"by_spatial_idx": results}
    return Made(renewed(existing, made, "frames", "normalise", "then"))


def drawn_clip() -> Tensor:
    """Returns a clip of waves and a ramp: uint8 (4, 360, 640, 3)."""
    t, y, x = np.mgrid[0:4, 0:360, 0:640].astype(np.float64)
    waves = 127 + 120 * np.sin(x / 17 + t), 127 + 120 * np.cos(y / 23 - t)
    channels = np.stack([*waves, x * 255 / 640 + t], axis=-1)
    return torch.from_numpy(channels.clip(0, 255).astype(np.uint8))


def coordinates(height: int, width: int) -> Tensor:
    """Returns a clip (3, 1, H, W) of row numbers, column numbers and zeros."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return torch.from_numpy(np.stack([y, x, np.zeros_like(x)])[:, None])


def _corner(case: dict) -> dict[str, int]:
    picture, size = coordinates(case["height"], case["width"]), case["size"]
    y0, x0, _ = spatial_sampling(picture, case["spatial_idx"], size, size, size)[:, 0, 0, 0]
    return {"y0": int(y0), "x0": int(x0)}


def _scaled(case: dict) -> list[int]:
    side, (height, width) = case["short_side"], case["in"]
    rows, columns, _ = spatial_sampling(coordinates(height, width), 1, side, side, side)[:, 0]
    # Pixels near the border are clamped, and show no step.
    first, last = side // 8, side - side // 8
    y_step = (rows[last, 0] - rows[first, 0]) / (last - first)
    x_step = (columns[0, last] - columns[0, first]) / (last - first)
    return [round(height / y_step.item()), round(width / x_step.item())]


def _slow_frames(num_frames: int, alpha: int) -> list[int]:
    cfg = configured({"MODEL.ARCH": "slowfast", "SLOWFAST.ALPHA": alpha})
    numbers = torch.arange(float(num_frames)).reshape(1, num_frames, 1, 1).repeat(3, 1, 1, 1)
    slow, _ = pack_pathway_output(cfg, numbers)
    return slow[0].flatten().int().tolist()
