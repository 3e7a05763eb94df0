"""Lets upstream run without CUDA, in one process and in several.

Upstream knows only NUM_GPUS, and moves each batch of a process to the GPU of that process. A user
asks for several processes on the CPU with NUM_GPUS and DIST_BACKEND gloo. In such processes
`.cuda()` returns the tensor as it is, so that upstream's samplers, gathers and reductions for
several processes work unchanged.
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

from slowfast.ak.run.processes import leave_group_for_objects
from slowfast.ak.upstream.standins import pytorchvideo

# An environment variable, because processes that are started inherit it.
_ON_CPU = "SLOWFAST_AK_PROCESSES_ON_CPU"


def use_cpu_in_started_processes() -> None:
    """Lets the processes that this process starts compute on the CPU."""
    os.environ[_ON_CPU] = "1"


@contextlib.contextmanager
def pretended_num_gpus(cfg, count: int) -> Iterator[None]:
    """Sets NUM_GPUS to `count` inside a with statement.

    Upstream takes NUM_GPUS 0 for the CPU, and divides by NUM_GPUS elsewhere.
    """
    before, cfg.NUM_GPUS = cfg.NUM_GPUS, count
    try:
        yield
    finally:
        cfg.NUM_GPUS = before


def do_without_cuda() -> None:
    """Replaces the functions of CUDA that upstream calls, if this machine has no CUDA.

    On every machine, process groups over gloo are left when the process exits.
    """
    atexit.register(leave_groups)
    if torch.cuda.device_count():
        return
    torch.cuda.synchronize = _synchronize
    if os.environ.get(_ON_CPU):
        torch.cuda.set_device = _set_device
        torch.Tensor.cuda = _cuda


# Each name has a function of its own, because torch.compile refuses one function with two names.
def _synchronize(device: Any = None) -> None:
    """Replaces `torch.cuda.synchronize`; there is nothing to wait for."""


def _set_device(device: Any) -> None:
    """Replaces `torch.cuda.set_device`; there is no device to choose."""


def _cuda(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Replaces `Tensor.cuda`; the tensor stays on the CPU."""
    return tensor


def leave_groups() -> None:
    """Leaves the process groups over gloo, which upstream never does.

    The threads of such a group can abort a process that exits. On CUDA only the group that
    slowfast.ak made beside NCCL is left.
    """
    if not dist.is_initialized():
        return
    if dist.get_backend() != "gloo":
        leave_group_for_objects()
        return
    pytorchvideo.forget_machine()
    functions = sys.modules.get("slowfast.utils.distributed")
    if hasattr(functions, "_LOCAL_PROCESS_GROUP"):  # patch-2 keeps its group there
        functions._LOCAL_PROCESS_GROUP = None
    dist.destroy_process_group()
