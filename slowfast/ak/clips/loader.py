"""The loader: the order in which clips are drawn, and batches made by worker processes.

A key carries its epoch, so a data set can make everything random about an item from (seed, epoch,
index): neither the number of workers, nor which worker makes an item, nor a resume changes what is
trained on. The loader has its own generator and does not draw from torch's global one. Each worker
runs one thread; the workers of training and validation live across epochs.

A worker collates a batch directly in memory that it shares with the training process. If there is a
GPU, a thread of that process copies the batch to page-locked memory.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import cycle, islice
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from slowfast.ak.clips.bad_clips import BadClipLog
from slowfast.ak.clips.dataset import Key
from slowfast.ak.clips.rebalancing import describe_draws, expected_draws
from slowfast.ak.clips.sampling import ClipSize
from slowfast.ak.clips.workers import signals_held_back, start_worker
from slowfast.ak.errors import UserError
from slowfast.ak.run.cores import available_cores, processes_of_machine, reading_workers
from slowfast.ak.run.processes import rank_and_size

logger = logging.getLogger(__name__)

# Each worker that decodes on the GPU holds a CUDA context of some hundred MB, and a GPU has few
# decoders. The workers of training and validation exist at the same time.
MOST_WORKERS_ON_GPU = 4


class ClipOrder(Sampler[Key]):
    """Yields the keys (epoch, index) or (epoch, index, repeat) of this rank's share of an epoch.

    With `shuffle` the order is a permutation made from (seed, epoch), the same on all ranks. Rank r
    takes every world_size-th key from the r-th on.

    Args:
        is_even: whether all ranks have equally many keys, so that the last ones are left out.
            Otherwise each clip comes exactly once over all ranks, and some ranks have one clip more
            than others.
        draws: (num_clips,) how often an epoch draws each clip on average, for `shuffle`. Each time
            the number is rounded down or up, by systematic resampling of the permuted clips. Every
            epoch has the same number of draws, the sum of `draws` rounded up: schedules, a resume
            and several processes rely on it. `repeat` is 1 for a clip's second draw in an epoch;
            the first draw has no `repeat`.

    Raises:
        UserError: `draws` is not one number from 0 on for each clip, with some number above 0.
    """

    def __init__(
        self,
        num_clips: int,
        *,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        is_even: bool,
        draws: np.ndarray | None = None,
    ):
        self.num_clips, self.shuffle, self.seed = num_clips, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.is_even = is_even
        self.epoch = self.start = 0
        self.num_draws, self.draws = num_clips, None
        if draws is not None:
            _check_draws(draws, num_clips, shuffle)
            # A rounding error of the sum is not a further draw.
            self.num_draws = max(1, math.ceil(draws.sum() - 1e-6))
            self.draws = draws * (self.num_draws / draws.sum())

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Sets the epoch of the next iteration.

        Args:
            epoch: it decides the order, and is part of each key.
            start: the number of this rank's keys to leave out, because they were used before a run
                stopped.
        """
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        used = self._num_used()
        return (used - self.rank + self.world_size - 1) // self.world_size

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch
        first = self.rank + self.start * self.world_size
        own = slice(first, self._num_used(), self.world_size)
        clips, repeats = (part[own].tolist() for part in self._draw())
        for index, repeat in zip(clips, repeats, strict=True):
            yield (epoch, index, repeat) if repeat else (epoch, index)

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """(num_draws,) clips of the epoch over all ranks, and how often each came before."""
        order = np.arange(self.num_clips)
        if self.shuffle:
            rng = np.random.Generator(np.random.PCG64([self.seed, self.epoch]))
            order = rng.permutation(self.num_clips)
        if self.draws is None:
            return order, np.zeros_like(order)
        # Each clip has a piece of a line, as long as its number. Marks stand at distance one from a
        # random offset on, and each mark in a clip's piece draws the clip. The order of the pieces
        # changes with the epoch: otherwise neighbours in the list would always come together, or
        # never.
        ends = np.minimum(np.cumsum(self.draws[order]), self.num_draws)
        ends[-1] = self.num_draws
        marks = np.floor(ends + rng.random()).astype(np.int64)
        times = np.diff(marks, prepend=0)
        clips = np.repeat(order, times)
        repeats = np.arange(self.num_draws) - np.repeat(marks - times, times)
        mixed = rng.permutation(self.num_draws)
        return clips[mixed], repeats[mixed]

    def _num_used(self) -> int:
        left_out = self.num_draws % self.world_size if self.is_even else 0
        return self.num_draws - left_out


def _check_draws(draws: np.ndarray, num_clips: int, shuffle: bool) -> None:
    valid = np.isfinite(draws).all() and (draws >= 0).all() and (draws > 0).any()
    if draws.shape != (num_clips,) or not valid or not shuffle:
        raise UserError(
            f"the expected draws of clips have shape {draws.shape} and lie in "
            f"{draws.min(initial=0)}..{draws.max(initial=0)}; expected {num_clips} numbers "
            "from 0 on, not all 0, for an order that is shuffled."
        )


class BatchShape(NamedTuple):
    """The shape of a batch.

    Attributes:
        multiple: its clips, divided by the batch that the configuration names.
        size: of its clips; None: as the configuration has it.
    """

    multiple: int = 1
    size: ClipSize | None = None


# For each epoch the shapes of its consecutive batches, which repeat. Later epochs are as the last.
Shapes = Sequence[Sequence[BatchShape]]

ONE_SHAPE: Shapes = ((BatchShape(),),)


class ClipBatches(Sampler[list[Key]]):
    """Yields the keys of each batch of this rank.

    Args:
        order: the keys of this rank.
        share: clips of a batch of multiple 1 on this rank.
        drop_last: whether an incomplete last batch is left out.
    """

    def __init__(
        self, order: ClipOrder, share: int, drop_last: bool, shapes: Shapes = ONE_SHAPE
    ) -> None:
        self.order, self.share, self.drop_last, self._shapes = order, share, drop_last, shapes
        self._is_even = False

    def set_epoch(self, epoch: int, done: int = 0, even: bool = False) -> None:
        """Sets the epoch of the next iteration.

        Args:
            done: the number of batches to leave out.
            even: whether all batches have the last shape of the epoch.
        """
        self._is_even = even
        self.order.set_epoch(epoch, self.clips_in(epoch, done))

    def sizes(self, epoch: int) -> list[int]:
        """The number of clips of consecutive batches, which repeat."""
        return [shape.multiple * self.share for shape in self._shapes_of(epoch)]

    def clips_in(self, epoch: int, batches: int) -> int:
        """The number of clips in the first batches of an epoch."""
        return sum(islice(cycle(self.sizes(epoch)), batches))

    def batches_in(self, epoch: int, clips: int) -> int:
        """The number of whole batches that the first clips of an epoch fill."""
        sizes = self.sizes(epoch)
        rounds, left = divmod(clips, sum(sizes))
        filled = 0
        while left >= sizes[filled]:
            left -= sizes[filled]
            filled += 1
        return rounds * len(sizes) + filled

    def count(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        clips = len(self.order)
        whole = self.batches_in(epoch, clips)
        is_left = self.clips_in(epoch, whole) < clips
        return whole + (is_left and not self.drop_last)

    def __len__(self) -> int:
        return self.count(self.order.epoch)

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, keys = self.order.epoch, iter(self.order)
        done = self.batches_in(epoch, self.order.start)
        for shape in islice(cycle(self._shapes_of(epoch)), done, self.count(epoch)):
            batch = list(islice(keys, shape.multiple * self.share))
            yield batch if shape.size is None else [_with_size(key, shape.size) for key in batch]

    def _shapes_of(self, epoch: int) -> Sequence[BatchShape]:
        shapes = self._shapes[min(epoch, len(self._shapes) - 1)]
        return shapes[-1:] if self._is_even else shapes


def _with_size(key: Key, size: ClipSize) -> Key:
    epoch, index, repeat = (*key, 0)[:3]
    return epoch, index, repeat, size


class ClipLoader(DataLoader):
    """A DataLoader that reports clips that cannot be read, and shows a worker's UserError as text.

    Its length is the number of batches of the epoch that was set last.

    Attributes:
        sampler: the keys of this rank.
        batches: the keys by batch; None in a test, whose clips come one by one.
        bad_clips: the problems in the batches since the iteration began.
    """

    def __init__(
        self, dataset: Dataset, order: ClipOrder, batches: ClipBatches | None, **settings: Any
    ) -> None:
        keys = {"batch_sampler": batches} if batches else {"sampler": order, "batch_size": None}
        super().__init__(dataset, **keys, **settings)
        self.batches = batches
        if batches:  # with a batch sampler torch does not set these, which scripts read
            vars(self).update(sampler=order, batch_size=batches.share)
        self.bad_clips = BadClipLog(dataset.clip_name)

    def counts(self, epochs: int) -> list[int]:
        """The number of batches of each of the first epochs."""
        return [self.batches.count(epoch) for epoch in range(epochs)]

    def set_epoch(self, epoch: int, done: int = 0, even: bool = False) -> None:
        """Sets the epoch of the next iteration, as `ClipBatches` does."""
        if self.batches:
            self.batches.set_epoch(epoch, done, even)
        else:
            self.sampler.set_epoch(epoch, done)

    def __iter__(self) -> Iterator[Any]:
        try:
            context = self.multiprocessing_context
            with signals_held_back(context) if self.num_workers else nullcontext():
                batches = super().__iter__()
            self.bad_clips.begin()
            for batch in batches:
                self.bad_clips.add(batch.meta if hasattr(batch, "meta") else batch[-1])
                yield batch
        except UserError as error:
            # The text of a worker's error has its traceback, and the message at the end. The frames
            # of the traceback refer to the error and to the workers: while it exists, the workers
            # do not end.
            error.__traceback__ = None
            start = f"{type(error).__module__}.{type(error).__qualname__}: "
            raise type(error)(str(error).rpartition(start)[2].rstrip()) from None


def settings_from_cfg(cfg, split: str) -> dict[str, Any]:
    """The arguments of `make_loader` for split train, val or test."""
    part = cfg.TEST if split == "test" else cfg.TRAIN
    on_gpu, decodes_on_gpu = cfg.NUM_GPUS > 0, cfg.DATA.DECODING_DEVICE == "cuda"
    return {
        "batch_size": part.BATCH_SIZE,
        "processes": processes_of_machine(cfg),
        "on_gpu": on_gpu,
        "num_workers": cfg.DATA_LOADER.NUM_WORKERS,
        "most_workers": MOST_WORKERS_ON_GPU if decodes_on_gpu else None,
        "seed": cfg.RNG_SEED,
        "sampler": cfg.DATA_LOADER.SAMPLER,
        "repeat_threshold": cfg.DATA_LOADER.REPEAT_THRESHOLD,
        # Pinning opens a CUDA context, which a run on the CPU must not do.
        "pin_memory": cfg.DATA_LOADER.PIN_MEMORY and on_gpu and torch.cuda.is_available(),
        "in_order": split != "val",
        # A test is read once; then its workers' memory is free again.
        "keep_workers": split != "test",
        # A fork cannot use a GPU that its parent has used. A fork server may have been started by
        # any process, and its signal settings are not ours.
        "spawn_workers": decodes_on_gpu or multiprocessing.get_start_method() == "forkserver",
    }


def make_loader(
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    processes: int,
    on_gpu: bool,
    num_workers: int,
    most_workers: int | None,
    seed: int,
    sampler: str,
    repeat_threshold: float,
    pin_memory: bool,
    in_order: bool,
    keep_workers: bool,
    spawn_workers: bool,
    collate: Callable[[list[Any]], Any] | None = None,
    shapes: Shapes = ONE_SHAPE,
) -> ClipLoader:
    """The loader of split train, val or test for this process.

    train: shuffled batches; the incomplete last batch is dropped. val: each clip once over all
    ranks, which may differ by a batch. test: one clip with all its views at a time, given to the
    ranks in turn.

    Args:
        dataset: a `slowfast.ak.clips.dataset.ClipDataset`, or a data set with the same interface.
        batch_size: clips of a step, over the `processes` of this machine.
        on_gpu: whether each process has a GPU.
        num_workers: workers of each process; -1: what the cores allow.
        most_workers: the most that -1 may choose; None: no limit.
        sampler: how often a training clip is drawn (`slowfast.ak.clips.rebalancing`). A clip that
            the data set has several times (its `repeats()`) is drawn as many times more often.
        in_order: whether batches come in the order of the keys, or as soon as each is ready.
        keep_workers: whether workers live across epochs.
        collate: joins items to a batch with a `meta`; None: joins them as torch does.
        shapes: of the batches of each epoch; a test has none.

    Raises:
        UserError: a training list fills no batch.
    """
    train = split == "train"
    rank, world_size = rank_and_size()
    share = batch_size // processes
    order = ClipOrder(
        len(dataset),
        shuffle=train,
        seed=seed,
        rank=rank,
        world_size=world_size,
        is_even=train,
        draws=_expected_draws(dataset, sampler, repeat_threshold) if train else None,
    )
    batches = None if split == "test" else ClipBatches(order, share, train, shapes)
    if train and share and (empty := [e for e in range(len(shapes)) if not batches.count(e)]):
        _refuse_list(dataset, batch_size, share, world_size, empty[0], batches.sizes(empty[0])[0])
    if share < 1:
        _refuse_list(dataset, batch_size, share, world_size)
    if num_workers < 0:
        tasks = len(order) if batches is None else len(batches)
        most = tasks if most_workers is None else min(tasks, most_workers)
        num_workers = _workers_by_cores(split, processes, on_gpu, most)
    return ClipLoader(
        dataset,
        order,
        batches,
        collate_fn=collate,
        num_workers=num_workers,
        in_order=in_order,
        persistent_workers=keep_workers and num_workers > 0,
        multiprocessing_context="spawn" if spawn_workers and num_workers else None,
        pin_memory=pin_memory,
        worker_init_fn=partial(start_worker, parent=os.getpid()),
        generator=torch.Generator().manual_seed(seed),
    )


def _refuse_list(
    dataset: Dataset, batch_size: int, share: int, world_size: int, epoch: int = 0, first: int = 0
) -> NoReturn:
    """Raises UserError: the clips fill no batch.

    Args:
        share: clips of a usual batch on each process.
        epoch: the first epoch without a batch, from 0.
        first: clips of the first batch of that epoch on each process, if there is one.
    """
    clips = len(dataset)
    larger = f", and the batches of epoch {epoch + 1} have {first}" if first > share else ""
    if clips < world_size:
        advice = f"Start at most {clips} of them, or add clips"
    elif share < 1:
        advice = "Set TRAIN.BATCH_SIZE to the number of processes or more"
    elif share > 1:
        advice = "Lower TRAIN.BATCH_SIZE, or add clips"
    else:  # only multigrid training has larger batches than that
        advice = "Switch MULTIGRID.SHORT_CYCLE or MULTIGRID.LONG_CYCLE off, or add clips"
    raise UserError(
        f"{type(dataset).__name__}: {clips} clip{'s' * (clips != 1)} fill no batch: BATCH_SIZE "
        f"{batch_size} is {share} on each of {world_size} process{'es' * (world_size != 1)}"
        f"{larger}. {advice}."
    )


def _workers_by_cores(split: str, processes: int, on_gpu: bool, most: int) -> int:
    """The number of workers of a process, at most `most`. The log says it."""
    cores = available_cores()
    chosen = max(1, min(reading_workers(cores, processes, on_gpu), most))
    shared = f" shared by {processes} processes" if processes > 1 else ""
    logger.info(f"Workers that read {split} clips: {chosen} a process, by {cores} cores{shared}.")
    return chosen


def _expected_draws(dataset: Dataset, sampler: str, threshold: float) -> np.ndarray | None:
    """How often each training clip is drawn; None: once. The log describes it."""
    repeats = dataset.repeats() if callable(getattr(dataset, "repeats", None)) else np.ones(1)
    if sampler == "shuffle":
        return None if (repeats == 1).all() else repeats.astype(np.float64)
    if not callable(getattr(dataset, "label_matrix", None)):
        raise UserError(
            f"DATA_LOADER.SAMPLER: {sampler} needs the labels of all clips, and the data set "
            f"{type(dataset).__name__} has no label_matrix() that returns them (see "
            "slowfast/datasets/build.py). Add that method, or set the key to shuffle."
        )
    labels = np.asarray(dataset.label_matrix())
    draws = expected_draws(sampler, labels, threshold) * repeats
    logger.info(f"Sampling {sampler}: {describe_draws(labels, draws)}.")
    return draws
