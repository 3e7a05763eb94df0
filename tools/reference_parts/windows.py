"""Measures which frames a test of Charades shows, from the pixels of its clips.

Frame n of every clip has one colour that encodes n. So only the public data set is used, and not
the function that chooses frames. JPEG changes a colour by less than the distance of two codes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from slowfast.datasets import build_dataset

from .files import Made
from .settings import configured

SIDE = 16  # pixels
LEVELS, WIDTH = 32, 8  # levels a channel, and how far apart: 1024 frames


def charades_test_sampling(existing: Any, name: str) -> Made:
    """Makes the frames of each view, for clips of several lengths."""
    lengths = sorted({case["video_length"] for case in existing})
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), lengths)
        return Made([_made(case, Path(folder), lengths) for case in existing])


def write_clips(folder: Path, lengths: list[int]) -> None:
    """Writes a data set in Charades' format with a clip of each length, in this order."""
    lines = ["original_vido_id video_id frame_id path labels"]
    for number, length in enumerate(lengths):
        (folder / str(length)).mkdir()
        for frame in range(length):
            path = f"{length}/{frame:06d}.jpg"
            high, low = (WIDTH * level + WIDTH // 2 for level in divmod(frame, LEVELS))
            # Red and blue are equal, so that BGR and RGB are the same.
            picture = np.full((SIDE, SIDE, 3), (high, low, high), np.uint8)
            cv2.imwrite(str(folder / path), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
            lines.append(f'{length} {number} {frame} {path} "0"')
    (folder / "val.csv").write_text("\n".join(lines) + "\n")


def _made(case: dict, folder: Path, lengths: list[int]) -> dict:
    inputs = ("video_length", "num_frames", "sampling_rate", "num_ensemble_views")
    made = {key: case[key] for key in inputs}
    dataset = build_dataset("charades", _cfg(case, folder), "test")
    clip, items_a_clip = lengths.index(case["video_length"]), len(dataset) // len(lengths)
    try:
        frames = [_numbers(view) for view in _views(dataset, clip, items_a_clip)]
    except ZeroDivisionError:
        return made | {"error": "ZeroDivisionError upstream; take the centred clip"}
    return made | {"frames_per_temporal_view": frames}


def _cfg(case: dict, folder: Path) -> Any:
    return configured(
        {
            "TEST.DATASET": "charades",
            "DATA.PATH_TO_DATA_DIR": str(folder),
            "DATA.PATH_PREFIX": str(folder),
            "DATA.NUM_FRAMES": case["num_frames"],
            "DATA.SAMPLING_RATE": case["sampling_rate"],
            "TEST.NUM_ENSEMBLE_VIEWS": case["num_ensemble_views"],
            "TEST.NUM_SPATIAL_CROPS": 1,
            "DATA.TEST_CROP_SIZE": SIDE,
            "DATA.MEAN": [0.0] * 3,
            "DATA.STD": [1.0] * 3,
            "DATA.MULTI_LABEL": True,
        }
    )


def _views(dataset: Any, clip: int, items_a_clip: int) -> list[Tensor]:
    """Returns views (3, T, H, W) of 0..1. An item is a view, or a whole clip with uint8 views."""
    views: list[Tensor] = []
    for index in range(clip * items_a_clip, (clip + 1) * items_a_clip):
        fast = dataset[index][0][-1]
        views += [fast] if isinstance(fast, Tensor) else fast.batch(0, len(fast)) / 255
    return views


def _numbers(view: Tensor) -> list[int]:
    high, low, _ = (view[:, :, SIDE // 2, SIDE // 2] * 255).round().int() // WIDTH
    return (high * LEVELS + low).tolist()
