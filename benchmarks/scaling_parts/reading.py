"""Measures the reading of a clip with more frames, larger crops and more views.

The clips are the JPEGs of `benchmarks/data.py`, 640 x 360 and 8 kB; it uses one core.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from benchmarks.data_parts.images import image_set
from benchmarks.data_parts.measuring import seconds_in_turn
from benchmarks.scaling_parts.table import Table
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.sampling import EvenWindows, RandomCrop, RandomWindow
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.run.allocator import keep_some_freed_memory

BASE = (8, 256)
TRAINING = (BASE, (16, 256), (32, 256), (8, 128), (8, 320))
VIEWS = ((1, 1), (1, 3), (3, 3), (10, 1), (10, 3))
_READ = 4  # clips in one repetition


def measure(folder: Path, repeats: int) -> list[Table]:
    """Returns two tables; writes the pictures to `folder` if they are missing."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_some_freed_memory()
    clips, reader = image_set(folder / "images_8000", 8_000, 150)

    def items(sampler: object, transform: object) -> Callable[[], object]:
        dataset = ClipDataset(clips, reader, sampler, transform, num_classes=140)
        return lambda: [dataset[0, clip] for clip in range(_READ)]

    jobs = {}
    for frames, side in TRAINING:
        crop = RandomCrop((side, side * 340 // 256), side, inverse_uniform=True, flip=True)
        jobs[frames, side] = items(RandomWindow(frames, rate=2), crop)
    for windows, crops in VIEWS:
        sampler = EvenWindows(8, rate=2, count=windows)
        jobs[f"{windows} x {crops}"] = items(sampler, UniformCrops(256, crops))
    taken = {name: seconds / _READ for name, seconds in seconds_in_turn(jobs, repeats).items()}

    training = [
        (f"{frames} x {side} x {side}", *_cells(taken[frames, side], taken[BASE]))
        for frames, side in TRAINING
    ]
    names = [f"{windows} x {crops}" for windows, crops in VIEWS]
    test = [(name, *_cells(taken[name], taken[names[0]])) for name in names]
    return [
        Table("Reading a training clip", ("clip", "ms on one core", "against the first"), training),
        Table("Reading a test clip", ("windows x crops", "ms on one core", "likewise"), test),
    ]


def _cells(seconds: float, base: float) -> tuple[str, str]:
    return f"{1000 * seconds:.1f}", f"{seconds / base:.2f} x"
