"""Upstream without CUDA: in one process, and in several.

Upstream knows processes by NUM_GPUS alone, and hands each batch of such a process to its GPU.
Several processes on a CPU, which NUM_GPUS and DIST_BACKEND gloo ask for together, are therefore
processes in which `.cuda()` leaves things where they are: then all else that upstream does for
several (its samplers, gathers and reductions) holds as it is written.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from slowfast.ak.upstream import pytorchvideo

_SIGN = "SLOWFAST_AK_PROCESSES_ON_CPU"  # in the environment, which processes inherit


def start_processes_here() -> None:
    """Let processes that this one starts do their work on the CPU."""
    os.environ[_SIGN] = "1"


@contextlib.contextmanager
def saying_num_gpus(cfg, count: int) -> Iterator[None]:
    """Within, NUM_GPUS is `count`: to upstream's code the CPU is 0, and 0 cannot be divided by."""
    before, cfg.NUM_GPUS = cfg.NUM_GPUS, count
    try:
        yield
    finally:
        cfg.NUM_GPUS = before


def do_without_cuda() -> None:
    """Where there is no CUDA: nothing is waited for, and, in a process of several, nothing moved.

    Does nothing where there is.
    """
    if torch.cuda.device_count():
        return
    torch.cuda.synchronize = _wait_for_nothing
    if os.environ.get(_SIGN):
        torch.cuda.set_device = _stay_here
        torch.Tensor.cuda = _here
        atexit.register(_leave)


# A function for each name: torch.compile's tables refuse one that has several.
def _wait_for_nothing(device: Any = None) -> None:
    """In place of `torch.cuda.synchronize`."""


def _stay_here(device: Any) -> None:
    """In place of `torch.cuda.set_device`."""


def _leave() -> None:
    """Upstream never leaves its groups, whose threads over gloo can abort a process that ends."""
    if not dist.is_initialized():
        return
    pytorchvideo.forget_machine()
    functions = sys.modules.get("slowfast.utils.distributed")
    if hasattr(functions, "_LOCAL_PROCESS_GROUP"):  # patch-2's own
        functions._LOCAL_PROCESS_GROUP = None
    dist.destroy_process_group()


def _here(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """In place of `Tensor.cuda`."""
    return tensor
