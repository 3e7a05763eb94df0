"""Processes that train together: a thin layer over ``torch.distributed``.

Notable: everything works, and costs nothing, where there is one process and no process group.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from slowfast.ak.processes import gather_objects, rank_and_size

_local_rank, _local_size = 0, 1


def init_process_group(
    local_rank: int,
    local_size: int,
    shard_id: int,
    num_shards: int,
    init_method: str,
    backend: str = "nccl",
    timeout: timedelta | None = None,
    on_gpu: bool = False,
) -> None:
    """Joins the processes of all machines ("shards"), ``local_size`` of them on each.

    Args:
        local_rank: this process's number on its machine, which is also its GPU's.
        local_size: processes on this machine.
        shard_id: this machine's number, below ``num_shards``.
        init_method: where the processes meet, such as ``tcp://host:port`` or ``file:///path``.
        backend: ``nccl`` where there are GPUs, else ``gloo``.
        timeout: how long a collective waits for the others; the backend's own where None.
        on_gpu: whether this process takes its GPU though the backend is not ``nccl``.
    """
    global _local_rank, _local_size
    if on_gpu or backend == "nccl":
        torch.cuda.set_device(local_rank)
    dist.init_process_group(
        backend,
        init_method=init_method,
        rank=shard_id * local_size + local_rank,
        world_size=num_shards * local_size,
        timeout=timeout,
    )
    _local_rank, _local_size = local_rank, local_size


def destroy_process_group() -> None:
    """Leaves the group; does nothing where there is none."""
    global _local_rank, _local_size
    if is_initialised():
        dist.destroy_process_group()
        _local_rank, _local_size = 0, 1


def is_initialised() -> bool:
    return dist.is_available() and dist.is_initialized()


def get_world_size() -> int:
    """Number of processes, on all machines."""
    return rank_and_size()[1]


def get_rank() -> int:
    """This process's number among all."""
    return rank_and_size()[0]


def get_local_size() -> int:
    """Number of processes on this machine."""
    return _local_size


def get_local_rank() -> int:
    """This process's number among those of its machine."""
    return _local_rank


def is_master_proc(num_gpus: int = 8) -> bool:
    """Whether this is the one process that writes and prints.

    Args:
        num_gpus: unused; upstream's callers pass it.
    """
    return get_rank() == 0


def synchronize() -> None:
    """Waits until all processes are here."""
    if get_world_size() > 1:
        dist.barrier()


@torch.no_grad()
def all_reduce(tensors: Sequence[torch.Tensor], average: bool = True) -> list[torch.Tensor]:
    """Adds up, in place, each tensor over the processes, and divides by their number.

    Args:
        tensors: of the same shapes everywhere, on the backend's device.
        average: False leaves the sums.

    Returns:
        The tensors given.
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
    """Joins each tensor (n, ...) of all processes along its first dimension, in order of rank."""
    world_size = get_world_size()
    if world_size == 1:
        return list(tensors)
    joined = []
    for tensor in tensors:
        parts = [torch.empty_like(tensor) for _ in range(world_size)]
        dist.all_gather(parts, tensor.contiguous())
        joined.append(torch.cat(parts))
    return joined


def all_gather_unaligned(data: Any) -> list[Any]:
    """Objects of all processes in order of rank; they may differ in size (arrays, lists, ...)."""
    return gather_objects(data)


def from_master(value: Any) -> Any:
    """The object that the first process gives, in all of them; those of the others do not count."""
    return gather_objects(value)[0]
