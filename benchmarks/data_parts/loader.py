"""Measures the training clips per second that reach the training process, by workers.

The clips are those of the part `images` at 8 kB, in batches of 8. The training process only
receives them. This takes time on a core too, so W workers on W cores are less than W times as fast.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.data_parts.images import content_of, decoders, image_set, training_set
from benchmarks.data_parts.measuring import Row, seconds_in_turn
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.loader import ClipBatches, ClipLoader, ClipOrder
from slowfast.ak.clips.workers import start_worker
from slowfast.ak.run.cores import available_cores

BATCH = 8
BATCHES = 16


def measure(folder: Path, repeats: int, frames: int = 150, most: int | None = None) -> list[Row]:
    """Returns rows for 0, 1, 2, 4 ... workers, up to the number of cores or `most`."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    clips, reader = image_set(folder / "images_8000", 8_000, frames)
    dataset = training_set(clips, reader)
    most = available_cores() if most is None else most
    numbers = [0, *(2**power for power in range(most.bit_length()) if 2**power < most), most]
    contents = [
        content_of(reader, place % len(clips), frame)
        for place in range(BATCH)
        for frame in range(8)
    ]
    decoding = decoders(contents)["simplejpeg"]
    jobs = {number: partial(_read, _loader(dataset, number)) for number in numbers}
    taken = seconds_in_turn({**jobs, "decoding": decoding}, repeats)
    rates = {number: BATCH * BATCHES / taken[number] for number in numbers}
    decoded = BATCH / taken["decoding"]
    rows = []
    for number, rate in rates.items():
        name = f"loader, {number} workers of {available_cores()} cores"
        rows.append(Row(name, rate, "clips/s"))
        rows.append(Row(f"{name}: speed", rate / rates[1], "x", against="one worker"))
        rows.append(Row(f"{name}: speed", rate / decoded, "x", against="one core decoding alone"))
    return rows


def _loader(dataset: ClipDataset, workers: int) -> ClipLoader:
    draws = np.full(len(dataset), BATCH * BATCHES / len(dataset))
    order = ClipOrder(len(dataset), shuffle=True, seed=0, is_even=True, draws=draws)
    return ClipLoader(
        dataset,
        order,
        ClipBatches(order, BATCH, drop_last=True),
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=start_worker,
    )


def _read(loader: ClipLoader) -> None:
    for _ in loader:
        pass
