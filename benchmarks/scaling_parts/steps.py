"""Measures how the time of a step grows with clips, frames and crop, and of a test with views.

The network is a small SlowFast on the CPU with one thread. The base is a step of 4 clips of
8 x 112 x 112.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.data_parts.measuring import seconds_in_turn
from benchmarks.scaling_parts.table import Table, small_config
from slowfast.engine.learner import Learner
from slowfast.engine.step import TrainStep
from slowfast.tasks import Moment, build_task

BASE = (4, 8, 112)
# (clips, frames, side); each step changes one of the three.
STEPS = (
    *((1, 8, 112), (2, 8, 112), BASE, (8, 8, 112), (16, 8, 112)),
    *((4, 16, 112), (4, 32, 112)),
    *((4, 8, 160), (4, 8, 224)),
)
VIEWS = (1, 3, 10, 30)


def measure(folder: Path, repeats: int) -> list[Table]:
    """Returns two tables; writes nothing to `folder`."""
    torch.set_num_threads(1)
    jobs = {f"step {size}": training_step(*size) for size in STEPS}
    jobs |= {f"views {count}": scoring(count) for count in VIEWS}
    taken = seconds_in_turn(jobs, repeats)
    base = taken[f"step {BASE}"]
    rows = []
    for clips, frames, side in STEPS:
        ratio = taken[f"step {(clips, frames, side)}"] / base
        pixels = clips * frames * side**2 / (BASE[0] * BASE[1] * BASE[2] ** 2)
        shape = f"{frames} x {side} x {side}"
        rows.append((clips, shape, f"{pixels:.2f} x", f"{ratio:.2f} x", f"{ratio / pixels:.2f}"))
    one = taken["views 1"]
    views = [(count, f"{taken[f'views {count}'] / one:.2f} x") for count in VIEWS]
    return [
        Table("A step", ("clips", "each", "pixels", "time", "time a pixel"), rows),
        Table("Scoring a clip", ("views", "time"), views),
    ]


def training_step(clips: int, frames: int, side: int) -> Callable[[], object]:
    """Returns a function that takes one step."""
    cfg = small_config(DATA__NUM_FRAMES=frames, DATA__TRAIN_CROP_SIZE=side, TRAIN__BATCH_SIZE=clips)
    learner = Learner.from_cfg(cfg)
    step = TrainStep.from_cfg(cfg, learner)
    batch = learner.task.example(clips, training=True, device=torch.device("cpu"))
    return lambda: step(batch, 0.01, Moment(0, 0, 0, 0))


def scoring(views: int) -> Callable[[], object]:
    """Returns a function that scores this many views, at most four in a pass."""
    cfg = small_config(DATA__TEST_CROP_SIZE=BASE[2])
    task = build_task(cfg, torch.device("cpu"), trains=False)
    network = task.network.eval()
    batch = task.example(views, training=False, device=torch.device("cpu"))

    @torch.no_grad()
    def score() -> None:
        for start in range(0, views, 4):
            task.rows(network, task.prepare(batch.part(start, start + 4)))

    return score
