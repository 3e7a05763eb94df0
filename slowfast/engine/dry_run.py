"""A run before the run: everything is built, two steps are taken, and what it will cost is told.

Notable: nothing is written below OUTPUT_DIR. Data, weights and a resumed run's checkpoint are read
as the run would read them, so that what would stop it there stops it here. Each estimate stands
beside the figures that it comes from.
"""

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
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
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.losses import check_targets
from slowfast.ak.norms.group import norm_group
from slowfast.ak.run.cores import available_cores, processes_of_machine
from slowfast.datasets.loader import construct_loader, shuffle_dataset
from slowfast.engine.device.memory import black_clips, explained_scoring, explained_training
from slowfast.engine.device.runtime import autocast, get_device, seed_everything
from slowfast.engine.device.speed import prepare_device
from slowfast.engine.schedule import is_eval_epoch
from slowfast.engine.step import TrainStep
from slowfast.engine.testing import temporal_view_counts, with_views
from slowfast.engine.trained import Trained
from slowfast.models import build_model
from slowfast.models.cost import describe_size, multiply_adds
from slowfast.models.memory_format import channels_last
from slowfast.models.optimizer import get_epoch_lr
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.memory_use import gpu_mem_usage
from slowfast.utils.plural import count
from slowfast.utils.terminal import print_all

_GIB = 1024**3
_CLIPS_READ = 4

Rows = list[tuple[str, str]]

_ASSUMED = """\
Estimates take it that every step takes as long as the second one here and every clip as long to
read as the few tried (the first ones from a disk take longer than those in memory); that workers
read while the device computes, each on a core of its own as far as there are cores; and that the
backward pass costs two forward passes. They leave out checkpoints, precise norm statistics, and
the compilation or choice of kernels at the start."""


def dry_run(cfg: CfgNode) -> None:
    """Builds what the run would, takes two steps on its clips, and prints what to expect.

    Raises:
        UserError: what would stop the run.
    """
    logging.setup_logging()  # the terminal alone
    seed_everything(cfg.RNG_SEED)
    memory = _Memory(get_device(cfg))
    if cfg.TRAIN.ENABLE:
        trained = Trained.from_cfg(cfg)
        model = trained.model
    else:
        prepare_device(cfg)
        model = build_model(cfg)
    rows = _network_rows(cfg, unwrap(model))
    if cfg.TRAIN.ENABLE:
        rows += _train_rows(cfg, trained)
    if cfg.TEST.ENABLE:
        rows += _test_rows(cfg, model)
    rows.append(("memory", memory.most()))
    if distributed.is_master_proc():
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:{width}}  {text}" for name, text in rows]
        assumed = fill(_ASSUMED, min(100, shutil.get_terminal_size().columns))
        print_all("\n".join(["", *lines, "", assumed]))


def _network_rows(cfg: CfgNode, network: nn.Module) -> Rows:
    crop = cfg.DATA.TRAIN_CROP_SIZE if cfg.TRAIN.ENABLE else cfg.DATA.TEST_CROP_SIZE
    adds = multiply_adds(network, cfg, crop)
    clip = f"{cfg.DATA.NUM_FRAMES} x {crop} x {crop}"
    return [
        ("network", f"{cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH}), {describe_size(network)}"),
        ("a clip", f"{clip}, {adds / 1e9:.4g} G multiply-adds in a forward pass"),
    ]


def _train_rows(cfg: CfgNode, trained: Trained) -> Rows:
    """Two steps, a pass of the evaluation, and what they say about the run."""
    device = get_device(cfg)
    train_loader, val_loader = (construct_loader(cfg, split) for split in ("train", "val"))
    to_input = InputTransform.from_cfg(cfg, channels_last(cfg))
    start = trained.load(cfg)
    epoch, world_size = start.epoch, distributed.get_world_size()
    describe_run(cfg, start.words, world_size, device)

    step = TrainStep(cfg, trained, to_input)
    trained.model.train()
    seconds, losses = [], []
    with explained_training(cfg, trained.model, trained.loss_function, to_input):
        for number, (clips, labels) in enumerate(_two_batches(cfg, train_loader, epoch)):
            clips, labels = (part.to(device) for part in (clips, labels))
            key = cfg.RNG_SEED, epoch, number, distributed.get_rank()
            lr = get_epoch_lr(epoch, cfg)
            taken, (loss, *_) = _timed(device, lambda: step(clips, labels, lr, key))  # noqa: B023
            seconds.append(taken)
            losses.append(float(loss))

    network, crop = unwrap(trained.model), cfg.DATA.TRAIN_CROP_SIZE
    steps, share = len(train_loader), len(clips)
    flops = 2 * multiply_adds(network, cfg, crop) * share * world_size * _passes(cfg)
    read = _reading_seconds(train_loader, epoch)
    wait, reading = _reading(cfg, train_loader, read, share)
    pace = max(seconds[1], wait) if train_loader.num_workers else seconds[1] + wait
    epochs = max(0, cfg.SOLVER.MAX_EPOCH - epoch)
    train_seconds = epochs * steps * pace
    evaluations = sum(is_eval_epoch(cfg, e) for e in range(epoch, cfg.SOLVER.MAX_EPOCH))
    evaluation, scoring = _scoring(cfg, trained.model, val_loader, "val")
    norms = "frozen" if cfg.MODEL.FROZEN_BN else f"{norm_group(cfg, world_size)} clips"
    slower = "reading" if wait > seconds[1] else "the step"
    return [
        (
            "a step",
            f"{share * world_size} clips in {count(world_size, 'process', 'es')}, "
            f"{flops / 2e9:,.1f} G multiply-adds, {flops / 1e9:,.1f} GFLOP",
        ),
        ("norm group", norms),
        ("losses", f"{losses[0]:.4f} and {losses[1]:.4f}, of the two steps"),
        (
            "time a step",
            f"{seconds[1]:.3f} s (the first took {seconds[0]:.3f} s), "
            f"{flops / world_size / seconds[1] / 1e9:,.1f} GFLOP/s a process",
        ),
        ("reading", f"{reading}: {slower} sets the pace"),
        ("steps an epoch", f"{steps}, of {len(train_loader.dataset)} clips"),
        ("training", f"{epochs} epochs x {steps} steps x {pace:.3f} s: {_duration(train_seconds)}"),
        ("evaluation", f"{scoring}: {_duration(evaluation)}, {evaluations} times"),
        ("together", _duration(train_seconds + evaluations * evaluation)),
    ]


def _two_batches(
    cfg: CfgNode, loader: ClipLoader, epoch: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The first clips and labels of an epoch; the first twice where there is one batch alone."""
    shuffle_dataset(loader, epoch)
    batches = [(clips, labels) for (clips,), labels, *_ in islice(loader, 2)]
    for _, labels in batches:
        if cfg.DATA.MULTI_LABEL:
            check_targets(labels)
    return batches if len(batches) == 2 else batches * 2


def _passes(cfg: CfgNode) -> int:
    """Forward passes that a step costs as much as: one, two for backward, one to compute again."""
    if cfg.MODEL.DETACH_FINAL_FC:  # nothing goes back below the projection
        return 1
    return 4 if cfg.MODEL.ACT_CHECKPOINT else 3


def _test_rows(cfg: CfgNode, model: nn.Module) -> Rows:
    counts = temporal_view_counts(cfg)
    loader = construct_loader(with_views(cfg, max(counts)), "test")
    views = sum(counts) * cfg.TEST.NUM_SPATIAL_CROPS
    seconds, told = _scoring(cfg, model, loader, "test", views)
    return [("test", f"{told}: {_duration(seconds)}")]


def _scoring(
    cfg: CfgNode, model: nn.Module, loader: ClipLoader, split: str, views: int = 1
) -> tuple[float, str]:
    """Seconds that an evaluation or a test takes, and in words where they come from."""
    to_input = InputTransform.from_cfg(cfg, channels_last(cfg))
    device, network = get_device(cfg), unwrap(model).eval()
    batch_size = (cfg.TEST if split == "test" else cfg.TRAIN).BATCH_SIZE
    clips = max(1, batch_size // processes_of_machine(cfg))

    def score() -> None:
        with torch.no_grad(), autocast(cfg, device):
            network(to_input(black_clips(cfg, clips, cfg.DATA.TEST_CROP_SIZE)))

    with explained_scoring(cfg, model, to_input, split):
        seconds = [_timed(device, score)[0] for _ in range(2)]
    computing = seconds[1] / clips * views
    wait, _ = _reading(cfg, loader, _reading_seconds(loader, 0), 1)
    pace = max(computing, wait) if loader.num_workers else computing + wait
    number, processes = len(loader.dataset), distributed.get_world_size()
    of_views = f" of {views} views" if views > 1 else ""
    shared = f" / {processes} processes" if processes > 1 else ""
    return (
        math.ceil(number / processes) * pace,
        f"{number} clips{of_views}{shared} x {pace:.3f} s",
    )


def _reading_seconds(loader: ClipLoader, epoch: int) -> float:
    """Seconds in which this process reads one item of a loader: the median of a few."""
    shuffle_dataset(loader, epoch)
    keys = list(islice(loader.sampler, _CLIPS_READ))
    if not keys:  # more processes than clips
        return 0.0
    loader.dataset[keys[0]]
    taken = [_timed(torch.device("cpu"), lambda: loader.dataset[key])[0] for key in keys]  # noqa: B023
    return median(taken)


def _reading(cfg: CfgNode, loader: ClipLoader, seconds: float, clips: int) -> tuple[float, str]:
    """Seconds in which the workers of a process have so many clips ready, and that in words."""
    cores = max(1, available_cores() // processes_of_machine(cfg))
    at_once = max(1, min(loader.num_workers, cores))
    wait = seconds * clips / at_once
    workers = loader.num_workers
    readers = count(workers, "worker") if workers else "the process itself"
    on = f"{readers} on {count(cores, 'core')}"
    return wait, f"{seconds:.4f} s a clip; {on}: {wait:.3f} s a batch"


def _timed(device: torch.device, job: Callable[[], object]) -> tuple[float, object]:
    """Seconds until a job is done, on its device too, and what it returns."""
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
    """The most memory that a process takes from here on: of its GPU, or, on the CPU, by how much
    its resident set grows."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = psutil.Process().memory_info().rss
        with suppress(OSError):  # of Linux: the peak is counted from here
            Path("/proc/self/clear_refs").write_text("5")

    def most(self) -> str:
        """In words, of the process that took the most."""
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
