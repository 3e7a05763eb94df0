"""The dry run: builds everything, takes two steps, and says what the run will cost.

It writes nothing below OUTPUT_DIR. It reads data, weights and the checkpoint of a resumed run as
the run would, so that whatever would stop the run stops the dry run. It prints each estimate with
the figures from which it is computed.
"""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from textwrap import fill

import psutil
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.checks.recipe import describe_run
from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.norms.group import norm_group
from slowfast.ak.registries.datasets import spatial_views
from slowfast.ak.run.cores import available_cores, processes_of_machine
from slowfast.data_tools.check_data import warn_before_training
from slowfast.datasets.loader import construct_loader, shuffle_dataset
from slowfast.engine.device.memory import MemoryAdvice
from slowfast.engine.device.runtime import Precision, get_device, seed_everything
from slowfast.engine.device.speed import prepare_device
from slowfast.engine.learner import Learner
from slowfast.engine.step import TrainStep
from slowfast.engine.testing import ViewsOfTest, temporal_view_counts
from slowfast.models.cost import describe_clip, describe_size, multiply_adds
from slowfast.models.optimizer import get_epoch_lr
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import Batch, Moment, Task, build_task
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.memory_use import gpu_mem_usage
from slowfast.utils.plural import count
from slowfast.utils.terminal import print_all

_GIB = 1024**3
_CLIPS_READ = 4

Table = list[tuple[str, str]]

_ASSUMED = """\
The estimates assume that every step takes as long as the second one here, and that every clip takes
as long to read as the few that were tried (clips from a disk take longer than clips in memory);
that workers read while the device computes, each on a core of its own as far as there are cores;
and that the backward pass costs two forward passes. They leave out checkpoints, precise norm
statistics, and the compilation or choice of kernels at the start."""


def dry_run(cfg: CfgNode) -> None:
    """Builds what the run would build, takes two steps on its clips, and prints what to expect.

    Raises:
        UserError: for whatever would stop the run.
    """
    logging.setup_logging()  # only the terminal
    seed_everything(cfg.RNG_SEED)
    device = get_device(cfg)
    memory = _Memory(device)
    if cfg.TRAIN.ENABLE:
        learner = Learner.from_cfg(cfg)
        task = learner.task
    else:
        prepare_device(cfg)
        task = build_task(cfg, device, trains=False)
    scoring = _Scoring.from_cfg(cfg, task)
    rows = _network_rows(cfg, unwrap(task.network))
    if cfg.TRAIN.ENABLE:
        rows += _train_rows(cfg, learner, scoring)
    if cfg.TEST.ENABLE:
        rows += _test_rows(cfg, scoring)
    rows.append(("memory", memory.most()))
    if distributed.is_master_proc():
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:{width}}  {text}" for name, text in rows]
        assumed = fill(_ASSUMED, min(100, shutil.get_terminal_size().columns))
        print_all("\n".join(["", *lines, "", assumed]))


def _network_rows(cfg: CfgNode, network: nn.Module) -> Table:
    crop = cfg.DATA.TRAIN_CROP_SIZE if cfg.TRAIN.ENABLE else cfg.DATA.TEST_CROP_SIZE
    adds = multiply_adds(network, cfg, crop)
    clip = describe_clip(cfg, crop)
    return [
        ("network", f"{cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH}), {describe_size(network)}"),
        ("a clip", f"{clip}, {adds / 1e9:.4g} G multiply-adds in a forward pass"),
    ]


def _train_rows(cfg: CfgNode, learner: Learner, scoring: _Scoring) -> Table:
    """Takes two steps, scores a batch, and estimates the run from them."""
    train_loader, val_loader = (
        construct_loader(cfg, split, collate=learner.task.collate) for split in ("train", "val")
    )
    warn_before_training(cfg, train_loader.dataset, val_loader.dataset)
    start = learner.load(cfg)
    epoch, world_size = start.epoch, distributed.get_world_size()
    describe_run(cfg, start.description, world_size, learner.precision.device)
    plan, crop = RunPlan.from_cfg(cfg), cfg.DATA.TRAIN_CROP_SIZE
    seconds, losses, batch = _two_steps(cfg, plan, learner, train_loader, epoch)
    share = batch.size

    adds = multiply_adds(unwrap(learner.network), cfg, crop) * share * world_size * _passes(cfg)
    items = share // batch.samples
    reading = _Reading.measured(train_loader, epoch, items, scoring.cores)
    pace = reading.pace(seconds[1])
    counts = train_loader.counts(plan.epochs)[epoch:]
    evaluations = sum(plan.is_evaluated(e) for e in range(epoch, plan.epochs))
    evaluation, evaluation_words = scoring.seconds(val_loader, "val")
    norms = "frozen" if cfg.MODEL.FROZEN_BN else f"{norm_group(cfg, world_size)} clips"
    of_videos = f" of {items * world_size} videos" if batch.samples > 1 else ""
    slower = "reading" if reading.seconds > seconds[1] else "the step"
    training = sum(counts) * pace
    return [
        (
            "a step",
            f"{share * world_size} clips{of_videos} in {count(world_size, 'process', 'es')}, "
            f"{adds / 1e9:,.1f} G multiply-adds, {2 * adds / 1e9:,.1f} GFLOP",
        ),
        ("norm group", norms),
        ("losses", f"{losses[0]:.4f} and {losses[1]:.4f}, of the two steps"),
        (
            "time a step",
            f"{seconds[1]:.3f} s (the first took {seconds[0]:.3f} s), "
            f"{2 * adds / world_size / seconds[1] / 1e9:,.1f} GFLOP/s a process",
        ),
        ("reading", f"{reading}: {slower} sets the pace"),
        ("steps an epoch", f"{_steps(counts)}, of {len(train_loader.dataset)} clips"),
        ("training", f"{_epochs(counts)} x {pace:.3f} s: {_duration(training)}"),
        ("evaluation", f"{evaluation_words}: {_duration(evaluation)}, {evaluations} times"),
        ("together", _duration(training + evaluations * evaluation)),
    ]


def _steps(counts: Sequence[int]) -> str:
    """The number of steps of epochs in words."""
    fewest, most = min(counts, default=0), max(counts, default=0)
    return str(most) if fewest == most else f"{fewest} to {most}"


def _epochs(counts: Sequence[int]) -> str:
    """How many epochs and steps there are, by the number of steps of each epoch."""
    if len(set(counts)) > 1:
        return f"{sum(counts)} steps in {len(counts)} epochs"
    return f"{len(counts)} epochs x {_steps(counts)} steps"


def _two_steps(
    cfg: CfgNode, plan: RunPlan, learner: Learner, loader: ClipLoader, epoch: int
) -> tuple[list[float], list[float], Batch]:
    """Takes two steps on the first batches of an epoch, or two on its only batch.

    In multigrid training the batches are those of the last epoch, whose clips are whole. Steps of
    other shapes take about as long.

    Returns:
        The seconds and the losses of the steps, and the first batch.
    """
    device = learner.precision.device
    shown = plan.epochs - 1 if len(plan.phases) > 1 else epoch
    learner.regroup_norms(shown)
    shuffle_dataset(loader, shown, even=True)
    batches = list(islice(loader, 2))
    step, lr = TrainStep.from_cfg(cfg, learner), get_epoch_lr(epoch, plan.cfg)
    learner.network.train()
    seconds, losses = [], []
    memory = MemoryAdvice.from_cfg(cfg, learner.task, learner.precision)
    with memory.training(learner.network):
        for number, batch in enumerate(batches if len(batches) == 2 else batches * 2):
            learner.task.check(batch)
            batch = batch.to(device)
            moment = Moment(cfg.RNG_SEED, epoch, number, distributed.get_rank())
            taken, measured = _timed(device, lambda: step(batch, lr, moment))  # noqa: B023
            seconds.append(taken)
            losses.append(float(measured["loss"]))
    return seconds, losses, batches[0]


def _passes(cfg: CfgNode) -> int:
    """The cost of a step in forward passes: one, two for backward, one to compute again."""
    if cfg.MODEL.DETACH_FINAL_FC:  # nothing goes back below the projection
        return 1
    return 4 if cfg.MODEL.ACT_CHECKPOINT else 3


def _test_rows(cfg: CfgNode, scoring: _Scoring) -> Table:
    counts = temporal_view_counts(cfg)
    loader = ViewsOfTest.from_cfg(cfg, max(counts)).loader
    views = sum(counts) * spatial_views(cfg)
    seconds, words = scoring.seconds(loader, "test", views)
    return [("test", f"{words}: {_duration(seconds)}")]


@dataclass(frozen=True)
class _Scoring:
    """Estimates the time of evaluations and tests.

    Attributes:
        clips: the clips of a pass of this process, by split.
        cores: of this process.
    """

    task: Task
    precision: Precision
    memory: MemoryAdvice
    clips: dict[str, int]
    cores: int

    @classmethod
    def from_cfg(cls, cfg: CfgNode, task: Task) -> _Scoring:
        precision, processes = Precision.from_cfg(cfg, get_device(cfg)), processes_of_machine(cfg)
        sizes = {"val": cfg.TRAIN.BATCH_SIZE, "test": cfg.TEST.BATCH_SIZE}
        return cls(
            task,
            precision,
            MemoryAdvice.from_cfg(cfg, task, precision),
            {split: max(1, size // processes) for split, size in sizes.items()},
            cores=max(1, available_cores() // processes),
        )

    def seconds(self, loader: ClipLoader, split: str, views: int = 1) -> tuple[float, str]:
        """The seconds that an evaluation or a test takes, and their estimate in words."""
        task, clips, device = self.task, self.clips[split], self.precision.device
        network = unwrap(task.network).eval()

        @torch.no_grad()
        def score() -> None:
            batch = task.prepare(task.example(clips, False, device))
            task.rows(self.precision.run(network), batch)

        with self.memory.scoring(network, split):
            taken = [_timed(device, score)[0] for _ in range(2)]
        pace = _Reading.measured(loader, 0, 1, self.cores).pace(taken[1] / clips * views)
        number, processes = len(loader.dataset), distributed.get_world_size()
        of_views = f" of {views} views" if views > 1 else ""
        shared = f" / {processes} processes" if processes > 1 else ""
        return (
            math.ceil(number / processes) * pace,
            f"{number} clips{of_views}{shared} x {pace:.3f} s",
        )


@dataclass(frozen=True)
class _Reading:
    """The speed at which a process gets its clips.

    Attributes:
        one: seconds in which the process itself reads an item: a clip, or all samples of a video.
        seconds: seconds in which its workers read a batch.
        workers, cores: of the process.
    """

    one: float
    seconds: float
    workers: int
    cores: int

    @classmethod
    def measured(cls, loader: ClipLoader, epoch: int, items: int, cores: int) -> _Reading:
        """Measures reading on a few items of an epoch, for batches of `items` items."""
        one = _reading_seconds(loader, epoch)
        at_once = max(1, min(loader.num_workers, cores))
        return cls(one, one * items / at_once, loader.num_workers, cores)

    def pace(self, computing: float) -> float:
        """Seconds of an iteration whose computation takes `computing` seconds."""
        return max(computing, self.seconds) if self.workers else computing + self.seconds

    def __str__(self) -> str:
        readers = count(self.workers, "worker") if self.workers else "the process itself"
        on = f"{readers} on {count(self.cores, 'core')}"
        return f"{self.one:.4f} s a clip; {on}: {self.seconds:.3f} s a batch"


def _reading_seconds(loader: ClipLoader, epoch: int) -> float:
    """Seconds in which this process reads an item of a loader: the median of a few items."""
    shuffle_dataset(loader, epoch)
    keys = list(islice(loader.sampler, _CLIPS_READ))
    if not keys:  # more processes than clips
        return 0.0
    loader.dataset[keys[0]]
    taken = [_timed(torch.device("cpu"), lambda: loader.dataset[key])[0] for key in keys]  # noqa: B023
    return median(taken)


def _timed(device: torch.device, job: Callable[[], object]) -> tuple[float, object]:
    """Seconds until a job is done, also on its device, and the result of the job."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    result = job()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin, result


def _duration(seconds: float) -> str:
    return f"about {timedelta(seconds=math.ceil(seconds))}"


class _Memory:
    """Measures the most memory that a process takes from now on.

    On a GPU this is its memory; on the CPU it is the growth of the resident set.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = psutil.Process().memory_info().rss
        with suppress(OSError):  # Linux counts the peak from here on
            Path("/proc/self/clear_refs").write_text("5")

    def most(self) -> str:
        """The memory of the process that took the most, in words."""
        if self._device.type == "cuda":
            own = gpu_mem_usage()
            total = torch.cuda.get_device_properties(self._device).total_memory / _GIB
            of = f"of the {total:.1f} GiB of its GPU"
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            peak *= 1 if sys.platform == "darwin" else 1024
            own = max(0, peak - self._before) / _GIB
            of = "more than before the network was built"
        own = max(distributed.all_gather_unaligned(own))
        return f"at most {own:.2f} GiB in a process, {of}"
