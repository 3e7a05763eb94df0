"""Loaders: a data set's items in batches, made by worker processes.

A loader keeps a generator of its own, so that torch's global one is not drawn from: a resumed run
stays the run. Workers run one thread each; those of training and validation live across epochs.

What is copied: a worker collates a batch straight into memory that it shares with the training
process, where a thread copies it to page-locked memory if there is a GPU to take it from there.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from slowfast.ak.classes import ClassTable
from slowfast.ak.dataset import has_list, read_clips
from slowfast.ak.errors import UserError
from slowfast.ak.samplers import EpochSampler, describe_repeats, expected_repeats
from slowfast.datasets.build import build_dataset, check_data_set
from slowfast.datasets.ledger import Ledger
from slowfast.utils import logging
from slowfast.utils.cores import available_cores, reading_workers

logger = logging.get_logger(__name__)

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
            with _interrupts_held_back():
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


def construct_loader(cfg, split: str, is_precise_bn: bool = False) -> ClipLoader:
    """The loader of split train, val or test for this process.

    train: shuffled batches of BATCH_SIZE / NUM_GPUS clips, the incomplete last one dropped, each
    clip drawn as often as DATA_LOADER.SAMPLER has it, which precise BN sees too: norms are measured
    on what they were trained on. val: each clip once over all ranks; ranks may differ by a batch.
    test: one clip with all its views at a time, dealt to the ranks in turn.
    Batches come in the order of the list or the epoch, whichever is ready first; but those of val
    come as they get ready, so that a slow clip holds nothing up. In a test views of several clips
    share a batch of the network: another order would be another rounding of the scores.
    `is_precise_bn` is upstream's and changes nothing: precise BN reads the loader of training.

    Raises UserError for a training list that fills no batch, and for a data set that does not keep
    to what `slowfast.datasets.build` says.
    """
    part = cfg.TEST if split == "test" else cfg.TRAIN
    dataset = build_dataset(part.DATASET, cfg, split)
    check_data_set(dataset, cfg, split)
    repeats = _expected_repeats(cfg, dataset) if split == "train" else None
    rank, world_size = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    batch_size = part.BATCH_SIZE // max(1, cfg.NUM_GPUS)
    sampler = EpochSampler(
        len(dataset),
        shuffle=split == "train",
        seed=cfg.RNG_SEED,
        rank=rank,
        world_size=world_size,
        drop_last=split == "train",
        batch_size=batch_size,
        repeats=repeats,
    )
    if batch_size < 1 or not (len(sampler) or split != "train"):
        raise UserError(
            f"{part.DATASET}: {len(dataset)} clips fill no batch: BATCH_SIZE {part.BATCH_SIZE} is "
            f"{batch_size} clips on each of {world_size} processes. Lower TRAIN.BATCH_SIZE, to at "
            f"least one clip for each of {cfg.NUM_GPUS} GPUs, or give more clips."
        )
    workers = _num_workers(cfg, split, -(-len(sampler) // (1 if split == "test" else batch_size)))
    return ClipLoader(
        dataset,
        batch_size=None if split == "test" else batch_size,
        sampler=sampler,
        num_workers=workers,
        in_order=split != "val",
        # A test is read once: its workers' memory is better given back.
        persistent_workers=workers > 0 and split != "test",
        # A GPU that this process has used cannot be used by its forks.
        multiprocessing_context="spawn" if workers and cfg.DATA.DECODING_DEVICE == "cuda" else None,
        pin_memory=cfg.DATA_LOADER.PIN_MEMORY and torch.cuda.is_available(),
        worker_init_fn=start_worker,
        generator=torch.Generator().manual_seed(cfg.RNG_SEED),
    )


def _num_workers(cfg, split: str, batches: int) -> int:
    """DATA_LOADER.NUM_WORKERS; for -1 what the cores allow, told in the log, and no more workers
    than there are batches to make."""
    if cfg.DATA_LOADER.NUM_WORKERS >= 0:
        return cfg.DATA_LOADER.NUM_WORKERS
    cores, processes = available_cores(), max(1, cfg.NUM_GPUS)
    workers = reading_workers(cores, processes, on_gpu=cfg.NUM_GPUS > 0)
    chosen = max(1, min(workers, batches))
    shared = f" shared by {processes} processes" if processes > 1 else ""
    logger.info(f"Workers that read {split} clips: {chosen} a process, by {cores} cores{shared}.")
    return chosen


def _expected_repeats(cfg, dataset: Dataset) -> np.ndarray | None:
    """How often DATA_LOADER.SAMPLER draws each training clip, told in the log; None: once."""
    name = cfg.DATA_LOADER.SAMPLER
    if name == "shuffle":
        return None
    if not callable(getattr(dataset, "label_matrix", None)):
        raise UserError(
            f"DATA_LOADER.SAMPLER: {name} needs the labels of all clips, and the data set "
            f"{type(dataset).__name__} has no label_matrix() that tells them (see "
            "slowfast/datasets/build.py); give it one, or take shuffle."
        )
    labels = np.asarray(dataset.label_matrix())
    repeats = expected_repeats(name, labels, cfg.DATA_LOADER.REPEAT_THRESHOLD)
    logger.info(f"Sampling {name}: {describe_repeats(labels, repeats)}.")
    return repeats


def shuffle_dataset(loader: DataLoader, cur_epoch: int) -> None:
    """Make the next iteration of a loader that of an epoch: its order, its random crops."""
    loader.sampler.set_epoch(cur_epoch)


def read_class_table(cfg) -> ClassTable | None:
    """Names and segments of the classes of TRAIN.DATASET; None where nothing tells segments.

    Training clips are counted in the training list, where there is one, and in the part of it that
    AK.HOLDOUT keeps from training.
    """
    if not has_list(cfg, "train"):
        return ClassTable.from_cfg(cfg, None)
    splits = ("train", "val") if cfg.AK.HOLDOUT else ("train",)
    counts = [read_clips(cfg, split).class_counts(cfg.MODEL.NUM_CLASSES) for split in splits]
    return ClassTable.from_cfg(cfg, *counts)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a Ctrl-C wait until workers are started, and let it be the run's own affair.

    In the midst of a fork Python prints and forgets it, and the run goes on. Workers inherit that
    they do not hear it; they end with the run.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    is_ours = callable(handler) and threading.current_thread() is threading.main_thread()
    if is_ours:  # blocked in this thread, a Ctrl-C may still reach Python through another one
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if heard:
        signal.raise_signal(signal.SIGINT)


def start_worker(worker: int) -> None:
    """What each worker does first: it takes one thread, and keeps its memory."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # none beside the worker's own
    keep_freed_memory()
    sys.excepthook = _unless_deserted


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
