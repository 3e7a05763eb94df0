"""Measures the validation images of ImageNet, from the items of the data set.

Pictures with one edge, black before and white behind it, show the size to which a picture is scaled
and where it is cropped: the share of white says where the edge is, to a small part of a pixel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from slowfast.datasets import build_dataset
from slowfast.datasets.transform import transforms_imagenet_train

from .files import Made, renewed
from .settings import configured

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
INPUTS = ("height", "width", "DATA.IN_VAL_CROP_RATIO", "DATA.TRAIN_CROP_SIZE")
INPUTS += ("DATA.TEST_CROP_SIZE",)

Measure = Callable[[str], Tensor]


def imagenet_transforms(existing: Any, name: str) -> Made:
    """Makes sizes, corners and pixels of validation images."""
    left_out = {
        "networks have files of their own": ["networks"],
    }
    made: dict[str, Any] = {"about": existing["about"]}
    made["train"] = [_steps(case) for case in existing["train"]]
    with tempfile.TemporaryDirectory() as folder:
        sizes = {(case["height"], case["width"]) for case in existing["augmented"]}
        sizes |= {(case["height"], case["width"]) for case in existing["plain"]}
        names = _write_pictures(Path(folder, "val", "n00000001"), sizes)
        made["augmented"] = [_made(case, True, folder, names) for case in existing["augmented"]]
        if _gives_bytes(existing["plain"][0], folder, names):
            reason = "images are rounded to bytes after scaling, by half a grey level at most"
            left_out[reason] = ["plain"]
        else:
            made["plain"] = [_made(case, False, folder, names) for case in existing["plain"]]
    return Made(made, left_out)


def _steps(case: dict) -> dict:
    """The steps of training, with the values that the data set gives."""
    steps = transforms_imagenet_train(
        auto_augment=case["AUG.AA_TYPE"] or None, re_prob=case["AUG.RE_PROB"], re_mode="pixel"
    ).transforms
    made = {
        "steps": [type(step).__name__ for step in steps],
        "scale": list(steps[0].scale),
        "ratio": list(steps[0].ratio),
    }
    return renewed(case, made, "AUG.AA_TYPE", "AUG.RE_PROB", "given")


def _write_pictures(folder: Path, sizes: set[tuple[int, int]]) -> list[str]:
    """Writes the pictures of each size; returns the names of all pictures, sorted."""
    folder.mkdir(parents=True)
    for height, width in sizes:
        y, x = np.mgrid[:height, :width]
        colours = 127 + 120 * np.sin(x / 17), 127 + 120 * np.cos(y / 23), x * 255 / width
        pictures = {"waves": np.clip(np.dstack(colours), 0, 255).astype(np.uint8)}
        for axis, places, length in (("y", y, height), ("x", x, width)):
            for number, edge in enumerate(_edges(length, min(height, width))):
                white = places >= edge
                pictures[f"{axis}{number}"] = np.dstack([white * np.uint8(255)] * 3)
        for kind, picture in pictures.items():
            cv2.imwrite(str(folder / f"{height}_{width}_{kind}.png"), picture[..., ::-1])
    return sorted(path.stem for path in folder.iterdir())


def _edges(length: int, short_side: int) -> tuple[int, int]:
    """Two places along a side, far from each other, that no square crop in the centre cuts off."""
    half = int(0.35 * short_side)
    return length // 2 - half, length // 2 + half


def _made(case: dict, augments: bool, folder: str, names: list[str]) -> dict:
    dataset = build_dataset("imagenet", _cfg(case, augments, folder), "val")
    size = case["height"], case["width"]

    def measure(kind: str) -> Tensor:
        return _picture(dataset, names.index(f"{size[0]}_{size[1]}_{kind}"))

    waves = measure("waves")
    made = {key: case[key] for key in INPUTS if key in case} | {"shape": list(waves.shape)}
    if "resized_height_width" in case:
        (height, top), (width, left) = (
            _scale_and_corner(measure, axis, length, min(size))
            for axis, length in zip("yx", size, strict=True)
        )
        made["resized_height_width"] = [height, width]
        if "crop_top_left_height_width" in case:
            made["crop_top_left_height_width"] = [top, left, *waves.shape[1:]]
    if "samples" in case:
        places = {place: tuple(map(int, place.split(","))) for place in case["samples"]}
        made["mean"], made["std"] = waves.mean((1, 2)).tolist(), waves.std((1, 2)).tolist()
        made["samples"] = {place: waves[where].item() for place, where in places.items()}
    return {key: made[key] for key in case if key in made}


def _scale_and_corner(measure: Measure, axis: str, length: int, short_side: int) -> tuple[int, int]:
    """The length to which a side of a picture is scaled, and the first pixel of the crop."""
    found = []
    for number in range(2):
        edge = measure(f"{axis}{number}")[0] * DEVIATION[0] + MEAN[0]
        white = edge.mean(1 if axis == "y" else 0)
        found.append(len(white) - white.double().sum().item())
    before, after = _edges(length, short_side)
    scale = (found[1] - found[0]) / (after - before)
    return round(scale * length), round(before * scale - found[0])


def _cfg(case: dict, augments: bool, folder: str) -> Any:
    keys = {key: value for key, value in case.items() if key.startswith("DATA.")}
    settings = {
        "TRAIN.DATASET": "imagenet",
        "DATA.PATH_TO_DATA_DIR": folder,
        "DATA.NUM_FRAMES": 1,
        "DATA.MEAN": MEAN,
        "DATA.STD": DEVIATION,
        "MODEL.NUM_CLASSES": 1,
        "AUG.ENABLE": augments,
    }
    return configured(settings | keys)


def _gives_bytes(case: dict, folder: str, names: list[str]) -> bool:
    dataset = build_dataset("imagenet", _cfg(case, False, folder), "val")
    return dataset[0][0][0].dtype == torch.uint8


def _picture(dataset: Any, index: int) -> Tensor:
    """The normalised picture (3, H, W) of an item, which has bytes (3, 1, H, W) or floats."""
    picture = dataset[index][0][0]
    if picture.dtype != torch.uint8:
        return picture
    mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, DEVIATION))
    return (picture[:, 0] / 255 - mean) / deviation
