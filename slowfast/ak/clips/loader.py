"""Loaders: a data set's items in batches, made by worker processes.

A loader keeps a generator of its own, so that torch's global one is not drawn from: a resumed run
stays the run. Workers run one thread each; those of training and validation live across epochs.

What is copied: a worker collates a batch straight into memory that it shares with the training
process, where a thread copies it to page-locked memory if there is a GPU to take it from there.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from slowfast.ak.clips.bad_clip_log import Ledger
from slowfast.ak.clips.order import EpochSampler, describe_repeats, expected_repeats
from slowfast.ak.errors import UserError
from slowfast.ak.run.cores import available_cores, processes_of_machine, reading_workers
from slowfast.ak.run.processes import rank_and_size

logger = logging.getLogger(__name__)

# Names that <malloc.h> gives its options.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


class ClipLoader(DataLoader):
    """A DataLoader whose workers' foreseeable errors come through as their text alone.

    ledger: of what batches have told of clips that could not be read, since its iteration began.
    """

    def __init__(self, dataset: Dataset, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        self.ledger = Ledger(dataset.clip_name)

    def __iter__(self) -> Iterator[Any]:
        try:
            with signals_held_back(self.multiprocessing_context):
                batches = super().__iter__()
            self.ledger.begin()
            for batch in batches:
                self.ledger.enter(batch[-1])
                yield batch
        except UserError as error:
            # A worker's error arrives with its traceback in its text, the message at the end. The
            # frames it came through refer to it and to the workers: without letting go of them
            # the workers could not be told to end, and would be waited for in vain.
            error.__traceback__ = None
            start = f"{type(error).__module__}.{type(error).__qualname__}: "
            raise type(error)(str(error).rpartition(start)[2].rstrip()) from None


def settings_from_cfg(cfg, split: str) -> dict[str, Any]:
    """Arguments of `make_loader` for split train, val or test."""
    part = cfg.TEST if split == "test" else cfg.TRAIN
    return {
        "batch_size": part.BATCH_SIZE,
        "processes": processes_of_machine(cfg),
        "on_gpu": cfg.NUM_GPUS > 0,
        "num_workers": cfg.DATA_LOADER.NUM_WORKERS,
        "seed": cfg.RNG_SEED,
        "sampling": cfg.DATA_LOADER.SAMPLER,
        "repeat_threshold": cfg.DATA_LOADER.REPEAT_THRESHOLD,
        "pin_memory": cfg.DATA_LOADER.PIN_MEMORY and torch.cuda.is_available(),
        "in_order": split != "val",
        # A test is read once: its workers' memory is better given back.
        "keep_workers": split != "test",
        # A GPU that this process has used cannot be used by its forks. And a fork server, which may
        # have been started by anyone, hands on signals that it hears itself.
        "spawn_workers": cfg.DATA.DECODING_DEVICE == "cuda"
        or multiprocessing.get_start_method() == "forkserver",
    }


def make_loader(
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    processes: int,
    on_gpu: bool,
    num_workers: int,
    seed: int,
    sampling: str,
    repeat_threshold: float,
    pin_memory: bool,
    in_order: bool,
    keep_workers: bool,
    spawn_workers: bool,
) -> ClipLoader:
    """The loader of split train, val or test for this process.

    train: shuffled batches, the incomplete last one dropped. val: each clip once over all ranks,
    which may differ by a batch. test: one clip with all its views at a time, dealt to the ranks in
    turn.

    Args:
        dataset: what `slowfast.ak.clips.dataset.ClipDataset` is, or offers.
        batch_size: clips of a step, over the `processes` of this machine.
        on_gpu: whether the processes each have a GPU.
        num_workers: for each process; -1: what the cores allow.
        sampling: how often a training clip is drawn (`slowfast.ak.clips.order.expected_repeats`).
        in_order: whether batches come in the sampler's order, or each as it gets ready.
        keep_workers: whether workers live across epochs.

    Raises UserError for a training list that fills no batch.
    """
    train = split == "train"
    rank, world_size = rank_and_size()
    share = batch_size // processes
    sampler = EpochSampler(
        len(dataset),
        shuffle=train,
        seed=seed,
        rank=rank,
        world_size=world_size,
        drop_last=train,
        batch_size=share,
        repeats=_expected_repeats(dataset, sampling, repeat_threshold) if train else None,
    )
    if share < 1 or not (len(sampler) or not train):
        clips = len(dataset)
        fewer = f"Start at most {clips} of them" if clips < world_size else "Lower TRAIN.BATCH_SIZE"
        raise UserError(
            f"{type(dataset).__name__}: {clips} clip{'s' * (clips != 1)} fill no batch: BATCH_SIZE "
            f"{batch_size} is {share} on each of {world_size} processes. {fewer}, or give more "
            "clips."
        )
    batches = -(-len(sampler) // (1 if split == "test" else share))
    if num_workers < 0:
        num_workers = _workers_by_cores(split, processes, on_gpu, batches)
    return ClipLoader(
        dataset,
        batch_size=None if split == "test" else share,
        sampler=sampler,
        num_workers=num_workers,
        in_order=in_order,
        persistent_workers=keep_workers and num_workers > 0,
        multiprocessing_context="spawn" if spawn_workers and num_workers else None,
        pin_memory=pin_memory,
        worker_init_fn=partial(start_worker, parent=os.getpid()),
        generator=torch.Generator().manual_seed(seed),
    )


def _workers_by_cores(split: str, processes: int, on_gpu: bool, batches: int) -> int:
    """Workers of a process, told in the log, and no more than there are batches to make."""
    cores = available_cores()
    chosen = max(1, min(reading_workers(cores, processes, on_gpu), batches))
    shared = f" shared by {processes} processes" if processes > 1 else ""
    logger.info(f"Workers that read {split} clips: {chosen} a process, by {cores} cores{shared}.")
    return chosen


def _expected_repeats(dataset: Dataset, sampling: str, threshold: float) -> np.ndarray | None:
    """How often each training clip is drawn, told in the log; None: once."""
    if sampling == "shuffle":
        return None
    if not callable(getattr(dataset, "label_matrix", None)):
        raise UserError(
            f"DATA_LOADER.SAMPLER: {sampling} needs the labels of all clips, and the data set "
            f"{type(dataset).__name__} has no label_matrix() that tells them (see "
            "slowfast/datasets/build.py); give it one, or take shuffle."
        )
    labels = np.asarray(dataset.label_matrix())
    repeats = expected_repeats(sampling, labels, threshold)
    logger.info(f"Sampling {sampling}: {describe_repeats(labels, repeats)}.")
    return repeats


@contextmanager
def signals_held_back(context: BaseContext | None = None) -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until workers are started, and let them be the run's own affair.

    In the midst of a fork Python prints a Ctrl-C and forgets it, and the run goes on. Workers
    inherit that they hear neither, in all their threads; they end with the run.

    Args:
        context: what forks or spawns them; by default Python's own.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if (context or multiprocessing).get_start_method() != "fork":
        # Else it starts with the first worker, and lets the signals through from then on.
        resource_tracker.ensure_running()
    heard: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    # Blocked in this thread, a signal may still reach Python through another one.
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda number, frame: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for number in heard:
        signal.raise_signal(number)


def start_worker(worker: int, parent: int | None = None) -> None:
    """What each worker does first: it takes one thread, and keeps its memory.

    Args:
        parent: the process that forked or spawned it; with it alone it ends.
    """
    if parent is not None:
        _end_by(parent)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # none beside the worker's own
    keep_freed_memory()
    sys.excepthook = _unless_deserted


def _end_by(parent: int) -> None:
    """Let this worker end when its parent does, or sends it a SIGTERM, and by nobody else's.

    torchrun and batch systems send one to all processes of a run. The training process saves what
    it has then; a worker that died under it would be an error in the midst of that. And one that
    has hardly started when its parent is killed would not notice, and wait for ever.
    """
    if not hasattr(signal, "sigtimedwait"):
        return

    def wait() -> None:
        while os.getppid() == parent:
            heard = signal.sigtimedwait({signal.SIGTERM}, 1)
            if heard and heard.si_pid == parent:
                break
        os._exit(0)

    threading.Thread(target=wait, name="end by the parent", daemon=True).start()


def keep_freed_memory() -> None:
    """Let this process use freed memory again instead of giving it back to the system at once.

    Clips of the same size come and go; fetching their memory page by page each time takes a fifth
    of a worker's time. Does nothing without glibc.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option:
        set_option(_M_TRIM_THRESHOLD, 256 * 2**20)
        set_option(_M_MMAP_THRESHOLD, 32 * 2**20)  # the largest value that it takes


def _unless_deserted(kind: type[BaseException], *error: Any) -> None:
    """Show a worker's error, unless it is that the run was stopped while it fetched a batch."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, *error)
