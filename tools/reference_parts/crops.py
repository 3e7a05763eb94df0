"""Measures the distributions of random crops and scales from outside.

The pixels of the pictures are their own coordinates. A crop that is scaled to 3 x 3 pixels shows
its centre in the middle, and two thirds of its size between the first and the last pixel.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from slowfast.datasets import transform
from slowfast.datasets.utils import spatial_sampling

from .files import Made, renewed
from .pictures import coordinates

SIDE = 3
# Height and width of the frames. Three cases, one of each kind, have the same frame. The names
# `height` and `width` of a case have quantiles of the crops.
FRAMES = [(256, 340), (320, 240), (224, 224), (128, 400), (400, 100), (256, 340)]
# Areas of which no part fits into a frame.
TOO_LARGE = (9.0, 9.0)
# How far statistics of two sets of draws may differ, in standard deviations.
DEVIATIONS = 5

CROPS_OF_CLIPS = (
    *("random_resized_crop", "random_resized_crop_with_shift"),
    *("random_short_side_scale_jitter", "random_crop"),
)


class Statistics:
    """Quantiles, means and shares, and how far those of other draws may be from them, by place.

    Args:
        about: the entry `about` of the file.
    """

    def __init__(self, about: dict[str, Any]) -> None:
        self.draws, self._ranks = about["draws"], np.array(about["quantiles_at"])
        self._deviations = DEVIATIONS * math.sqrt(2 / self.draws)
        self.spread: dict[str, float] = {}

    def quantiles(self, place: str, values: np.ndarray) -> list[float] | None:
        """Quantiles of the values; None if there is no value."""
        if not len(values):
            return None
        found = np.quantile(values, self._ranks)
        rank = self._deviations / 2  # the deviation of a rank is at most one half
        low, high = (
            np.quantile(values, np.clip(self._ranks + change, 0, 1)) for change in (-rank, rank)
        )
        for number in range(len(found)):
            room = max(found[number] - low[number], high[number] - found[number])
            self.spread[f"{place}[{number}]"] = float(room) + 1e-5
        return [round(float(value), 5) for value in found]

    def mean(self, place: str, values: np.ndarray) -> float:
        """The mean of the values."""
        self.spread[place] = self._deviations * float(np.std(values)) + 1e-5
        return round(float(np.mean(values)), 5)

    def share(self, place: str, found: np.ndarray) -> float:
        """The share of the draws for which something is true."""
        share = float(np.mean(found))
        self.spread[place] = self._deviations * math.sqrt(max(share * (1 - share), 1e-4))
        return share


def random_crops(existing: Any, name: str) -> Made:
    """Makes quantiles of crops by area and aspect ratio and of scales, and places of crops."""
    for seed in (np.random.seed, random.seed, torch.manual_seed):
        seed(0)
    statistics = Statistics(existing["about"])
    makers = {
        "crops": _crop,
        "motion_shift": _moving_crop,
        "short_side_jitter": _short_side,
        "random_crop": _place,
        "which_function": _calls,
    }
    made = {
        kind: [make(case, kind, number, statistics) for number, case in enumerate(existing[kind])]
        for kind, make in makers.items()
    }
    left_out = {"its draws cannot be given from outside": ["motion_shift_fixed"]}
    corrected = {"upstream never draws the last place": ["random_crop"]}
    return Made({"about": existing["about"]} | made, left_out, {}, corrected, statistics.spread)


def _crop(case: dict, kind: str, number: int, statistics: Statistics) -> dict:
    frame, place = FRAMES[number // 3], f"{kind}[{number}]"
    draw = _drawing(case["kind"], frame, case["ratio"])
    boxes = np.concatenate([draw(case["scale"]) for _ in range(statistics.draws)])
    (fallback,) = draw(TOO_LARGE).tolist()
    made = _of_boxes(boxes, frame, place, statistics)
    if "fallback_top_left_height_width" in case:
        made["fallback_top_left_height_width"] = fallback
    equal = (boxes == fallback).all(axis=1)
    made["share_equal_to_fallback"] = statistics.share(f"{place}.share_equal_to_fallback", equal)
    return renewed(case, made, "kind", "scale", "ratio")


def _drawing(kind: str, frame: tuple[int, int], ratio: list[float]) -> Callable[..., np.ndarray]:
    """A function that draws a crop of areas (1, 4): top, left, height and width."""
    picture = coordinates(*frame)[:2]
    if kind == "video":
        crop = transform.random_resized_crop
        return lambda scale: _boxes(crop(picture, SIDE, SIDE, scale, ratio))
    if kind == "resnet_image":
        crop = transform.random_sized_crop_img
        return lambda scale: _boxes(crop(picture[:, 0], SIDE, scale, ratio)[:, None])
    image = Image.new("L", frame[::-1])
    draw = transform.RandomResizedCropAndInterpolation.get_params
    return lambda scale: np.array([draw(image, scale, ratio)])


def _boxes(cropped: Tensor) -> np.ndarray:
    """(T, 4): top, left, height and width in each frame of a crop (2, T, 3, 3) of coordinates."""
    lines = np.stack([cropped[0, :, :, 0].numpy(), cropped[1, :, 0, :].numpy()])
    size = (lines[..., -1] - lines[..., 0]) * 1.5
    corner = lines[..., 1] + 0.5 - size / 2
    return np.rint(np.concatenate([corner, size]).T).astype(int)


def _of_boxes(
    boxes: np.ndarray, frame: tuple[int, int], place: str, statistics: Statistics
) -> dict[str, Any]:
    top, left, height, width = boxes.T
    area, ratio = height * width / (frame[0] * frame[1]), width / height
    measured = {
        "height": height,
        "width": width,
        "area_fraction": area,
        "aspect_w_over_h": ratio,
        "top_over_room": _share_of_room(top, frame[0] - height),
        "left_over_room": _share_of_room(left, frame[1] - width),
    }
    means = {"mean_area_fraction": area, "mean_log_aspect": np.log(ratio)}
    return {
        name: statistics.quantiles(f"{place}.{name}", values) for name, values in measured.items()
    } | {name: statistics.mean(f"{place}.{name}", values) for name, values in means.items()}


def _share_of_room(start: np.ndarray, room: np.ndarray) -> np.ndarray:
    return start[room > 0] / room[room > 0]


def _moving_crop(case: dict, kind: str, number: int, statistics: Statistics) -> dict:
    frame, place = (case["height"], case["width"]), f"{kind}[{number}]"
    picture = coordinates(*frame)[:2].repeat(1, 2, 1, 1)  # two frames
    crop = transform.random_resized_crop_with_shift
    boxes = np.stack(
        [
            _boxes(crop(picture, SIDE, SIDE, case["scale"], case["ratio"]))
            for _ in range(statistics.draws)
        ]
    )
    made = {
        f"{end}_frame": _of_boxes(boxes[:, time], frame, f"{place}.{end}_frame", statistics)
        for time, end in enumerate(("first", "last"))
    }
    areas = boxes[..., 2] * boxes[..., 3]
    name = "correlation_of_area_first_last"
    made[name] = round(float(np.corrcoef(areas.T)[0, 1]), 4)
    statistics.spread[f"{place}.{name}"] = DEVIATIONS * math.sqrt(2 / statistics.draws)
    return renewed(case, made, "height", "width", "scale", "ratio")


def _short_side(case: dict, kind: str, number: int, statistics: Statistics) -> dict:
    place, pixel = f"{kind}[{number}]", torch.zeros(1, 1, 1, 1)
    scales, inverse = (case["min"], case["max"]), case["inverse_uniform_sampling"]
    scale = transform.random_short_side_scale_jitter
    sides = np.array(
        [
            scale(pixel, *scales, inverse_uniform_sampling=inverse)[0].shape[-1]
            for _ in range(statistics.draws)
        ]
    )
    made = {
        "short_side": statistics.quantiles(f"{place}.short_side", sides),
        "mean": statistics.mean(f"{place}.mean", sides),
    }
    return renewed(case, made, "min", "max", "inverse_uniform_sampling")


def _place(case: dict, kind: str, number: int, statistics: Statistics) -> dict:
    picture = coordinates(case["height"], case["width"])[:2]
    corners = np.array(
        [
            transform.random_crop(picture, case["size"])[0][:, 0, 0, 0].tolist()
            for _ in range(statistics.draws)
        ]
    ).T
    made = {}
    for name, places in zip(("top", "left"), corners, strict=True):
        made[f"{name}_values"] = [int(places.min()), int(places.max())]
        made[f"{name}_mean"] = statistics.mean(f"{kind}[{number}].{name}_mean", places)
    return renewed(case, made, "height", "width", "size")


def _calls(case: dict, kind: str, number: int, statistics: Statistics) -> dict:
    """Which functions `spatial_sampling` calls, and whether it works."""
    module, calls = spatial_sampling.__globals__["transform"], []

    def noting(function: str) -> Callable:
        original = getattr(module, function)
        return lambda *a, **b: (calls.append(function), original(*a, **b))[1]

    patches = {function: noting(function) for function in CROPS_OF_CLIPS}
    outcome = "works"
    with mock.patch.multiple(module, **patches):
        try:
            spatial_sampling(
                torch.zeros(3, 2, 20, 24),
                *(-1, 16, 18, 12),
                aspect_ratio=case["aspect"],
                scale=case["scale"],
                motion_shift=case["motion_shift"],
            )
        except Exception as error:  # upstream's own
            outcome = type(error).__name__
    made = {"calls": calls, "outcome": outcome}
    return renewed(case, made, "aspect", "scale", "motion_shift")
