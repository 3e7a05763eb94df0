"""Processes that train together: a thin layer over ``torch.distributed``.

Everything here also works in a single process without a process group, at no cost.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.run.processes import gather_objects, group_for_objects, rank_and_size

_local_rank, _local_size = 0, 1

# Texts in errors of gloo, which has no exception type of its own, and of NCCL.
_GLOO = ("gloo/transport", "pair closure", "Connection closed by peer")
_NCCL = ("ncclRemoteError", "closed by remote", "reset by peer", "Broken pipe", "was aborted")
_TIMED_OUT = ("timed out", "timeout", "time out")

_Answer = TypeVar("_Answer")


class LostProcess(UserError):
    """The other processes of the run have ended, or do not answer in time."""


def init_process_group(
    local_rank: int,
    local_world_size: int,
    shard_id: int,
    num_shards: int,
    init_method: str | None,
    dist_backend: str = "nccl",
    timeout: timedelta | None = None,
    on_gpu: bool = False,
    store: dist.Store | None = None,
) -> None:
    """Joins the processes of all machines ("shards"), ``local_world_size`` of them on each.

    Args:
        local_rank: number of this process on its machine, and of its GPU.
        local_world_size: number of processes on this machine.
        shard_id: number of this machine, below ``num_shards``.
        init_method: where the processes meet, such as ``tcp://host:port`` or ``file:///path``.
        dist_backend: ``nccl`` for GPUs, ``gloo`` for the CPU.
        timeout: how long a collective waits for the others; None: the backend's default.
        on_gpu: whether this process uses its GPU although the backend is not ``nccl``.
        store: where the processes meet instead of ``init_method``, which is None then.

    Raises:
        UserError: the processes cannot meet.
    """
    global _local_rank, _local_size
    if on_gpu or dist_backend == "nccl":
        torch.cuda.set_device(local_rank)
    # NCCL then connects at once, and makes the groups of fewer processes by splitting this one.
    device = torch.device("cuda", local_rank) if dist_backend == "nccl" else None
    rank, world_size = shard_id * local_world_size + local_rank, num_shards * local_world_size
    try:
        dist.init_process_group(
            dist_backend,
            init_method=init_method,
            rank=rank,
            world_size=world_size,
            timeout=timeout,
            store=store,
            device_id=device,
        )
    except (dist.DistNetworkError, dist.DistStoreError) as error:
        raise UserError(
            f"Process {rank} of {world_size} did not meet the others at "
            f"{init_method or 'their store'}: {backend_message(error)}. Start all of them with the "
            "same --init_method and --num_shards, and each machine with its own --shard_id. All "
            "machines must be able to reach the first one, and its port must be free."
        ) from None
    group_for_objects(timeout)
    _local_rank, _local_size = local_rank, local_world_size


@contextmanager
def explaining_lost_processes(minutes: float) -> Iterator[None]:
    """Turns a collective's error about other processes into an explanation.

    Other errors, such as a lack of memory or a bug, pass unchanged.

    Args:
        minutes: how long collectives wait (DIST_TIMEOUT).

    Raises:
        LostProcess: another process has ended, or did not answer in time.
        UserError: two processes use the same GPU.
    """
    try:
        yield
    except RuntimeError as error:
        text, message = str(error), backend_message(error)
        is_backend_error = isinstance(error, dist.DistError) or any(word in text for word in _GLOO)
        is_network_error = isinstance(error, dist.DistNetworkError | dist.DistStoreError)
        who = f"Process {get_rank()} of {get_world_size()}"
        if "Duplicate GPU" in text:
            raise UserError(
                f"{who}: NCCL found two processes on one GPU ({message}). Set NUM_GPUS to the "
                "number of GPUs of this machine, or DIST_BACKEND to gloo to share a GPU."
            ) from error
        if is_backend_error and any(word in text.lower() for word in _TIMED_OUT):
            raise LostProcess(
                f"{who} waited longer than DIST_TIMEOUT, {minutes:g} minutes, for the others "
                f"({message}). One of them hangs, or does something that takes longer. Look at "
                "the last lines that each process printed and at the disks that they read from. If "
                "a process is only slow, raise DIST_TIMEOUT."
            ) from error
        if is_network_error or (is_backend_error and any(word in text for word in _GLOO + _NCCL)):
            raise LostProcess(
                f"{who} waited for another process that has ended ({message}). Look for the error "
                "of that process above, or in the output of its machine. A process that was "
                "killed, for lack of memory or by the batch system, leaves no error."
            ) from error
        raise


def backend_message(error: Exception) -> str:
    """Returns the essential line of a backend's error: NCCL's last error, else the first line."""
    text = str(error).strip() or type(error).__name__
    first, _, last_error = text.partition("Last error:")
    line = (last_error.strip() or first).splitlines()[0]
    line = line.rpartition("] ")[2] if line.startswith("[/") else line
    return line.split(". This is ")[0].rstrip(".")[:200]


def destroy_process_group() -> None:
    """Leaves the process group, if there is one."""
    global _local_rank, _local_size
    if is_initialised():
        dist.destroy_process_group()
        _local_rank, _local_size = 0, 1


def is_initialised() -> bool:
    return dist.is_available() and dist.is_initialized()


def get_world_size() -> int:
    """Returns the number of processes on all machines."""
    return rank_and_size()[1]


def get_rank() -> int:
    """Returns the number of this process among all processes."""
    return rank_and_size()[0]


def get_local_size() -> int:
    """Returns the number of processes on this machine."""
    return _local_size


def get_local_rank() -> int:
    """Returns the number of this process on its machine."""
    return _local_rank


def is_master_proc(num_gpus: int = 8) -> bool:
    """Returns whether this is the first process. Only the first process writes files and prints.

    Args:
        num_gpus: not used; upstream's callers pass it.
    """
    return get_rank() == 0


def synchronize() -> None:
    """Waits until all processes have called this."""
    if get_world_size() > 1:
        dist.barrier()


@torch.no_grad()
def all_reduce(tensors: Sequence[torch.Tensor], average: bool = True) -> list[torch.Tensor]:
    """Averages each tensor over the processes, in place.

    Args:
        tensors: tensors of the same shapes in all processes, on the backend's device.
        average: whether the sum is divided by the number of processes.

    Returns:
        The given tensors.
    """
    world_size = get_world_size()
    if world_size > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)
            if average:
                tensor.div_(world_size)
    return list(tensors)


@torch.no_grad()
def all_gather(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Concatenates each tensor (n, ...) of all processes, in order of rank."""
    world_size = get_world_size()
    if world_size == 1:
        return list(tensors)
    joined = []
    for tensor in tensors:
        parts = [torch.empty_like(tensor) for _ in range(world_size)]
        dist.all_gather(parts, tensor.contiguous())
        joined.append(torch.cat(parts))
    return joined


def all_gather_unaligned(data: Any, group: dist.ProcessGroup | None = None) -> list[Any]:
    """Returns the objects of all processes, in order of rank; their sizes may differ.

    Args:
        group: the processes that call this; None: all of them.
    """
    if group is None:
        return gather_objects(data)
    found = [None] * dist.get_world_size(group)
    dist.all_gather_object(found, data, group=group)
    return found


def from_master(value: Any) -> Any:
    """Returns the first process's value in all processes."""
    return gather_objects(value)[0]


def call_on_master(function: Callable[[], _Answer]) -> _Answer:
    """Calls a function in the first process only, and returns its result in all processes.

    Raises:
        UserError: the function raised it. All processes raise it, so that none waits.
    """
    answer = error = None
    if is_master_proc():
        try:
            answer = function()
        except UserError as found:
            error = found
    answer, error = from_master((answer, error))
    if error:
        raise error
    return answer


def unwrap(model: nn.Module) -> nn.Module:
    """Returns the network inside DistributedDataParallel, DataParallel and torch.compile.

    The network's own state dict has no prefixes in its names. Evaluation uses it too, because the
    distributed wrapper synchronises buffers in each call and processes may have unequally many
    batches.

    Args:
        model: a network with any number of wrappers.
    """
    while True:
        if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            return model
