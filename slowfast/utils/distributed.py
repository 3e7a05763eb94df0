"""Processes that train together: a thin layer over ``torch.distributed``.

Notable: everything works, and costs nothing, where there is one process and no process group.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.run.processes import gather_objects, group_for_objects, rank_and_size

_local_rank, _local_size = 0, 1

# Of what gloo raises where a process is gone or does not answer; it has no exception of its own.
_WORDS_OF_GLOO = ("gloo/transport", "pair closure", "Connection closed by peer")
_WORDS_OF_TIMEOUTS = ("timed out", "timeout", "time out")


class LostProcess(UserError):
    """The process waited for others of the run in vain: they are gone, or hang."""


def init_process_group(
    local_rank: int,
    local_size: int,
    shard_id: int,
    num_shards: int,
    init_method: str | None,
    backend: str = "nccl",
    timeout: timedelta | None = None,
    on_gpu: bool = False,
    store: dist.Store | None = None,
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
        store: where they meet instead of ``init_method``, which is None then.

    Raises:
        UserError: they cannot meet there.
    """
    global _local_rank, _local_size
    if on_gpu or backend == "nccl":
        torch.cuda.set_device(local_rank)
    rank, world_size = shard_id * local_size + local_rank, num_shards * local_size
    try:
        dist.init_process_group(
            backend,
            init_method=init_method,
            rank=rank,
            world_size=world_size,
            timeout=timeout,
            store=store,
        )
    except (dist.DistNetworkError, dist.DistStoreError) as error:
        raise UserError(
            f"Process {rank} of {world_size} did not meet the others at "
            f"{init_method or 'their store'}: {_first_line(error)}. All of them have to be "
            "started with the same --init_method and --num_shards, each machine with its own "
            "--shard_id, and have to reach the first machine there; its port must be free."
        ) from None
    group_for_objects(timeout)
    _local_rank, _local_size = local_rank, local_size


@contextmanager
def losses_in_words(minutes: float) -> Iterator[None]:
    """Turns what a collective raises whose peers are gone, or late, into words.

    Args:
        minutes: how long collectives wait (DIST_TIMEOUT).

    Raises:
        LostProcess: instead of the backend's error, which is its cause.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        is_from_backend = isinstance(error, dist.DistError)
        if not is_from_backend and not any(word in text for word in _WORDS_OF_GLOO):
            raise
        who = f"Process {get_rank()} of {get_world_size()}"
        if any(word in text.lower() for word in _WORDS_OF_TIMEOUTS):
            raise LostProcess(
                f"{who} waited longer than DIST_TIMEOUT, {minutes:g} minutes, for the others "
                f"({_first_line(error)}). One of them hangs, or does something alone that takes "
                "longer: look at what each did last, and at the disks that they read from; raise "
                "DIST_TIMEOUT where it only is slow."
            ) from error
        raise LostProcess(
            f"{who} waited for another one that is gone ({_first_line(error)}). Look for the "
            "error of that one, above or in the output of its machine; one that was killed, for "
            "lack of memory or by the batch system, leaves none here."
        ) from error


def _first_line(error: Exception) -> str:
    """What a backend says, without the place in its source and all that follows."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    line = line.rpartition("] ")[2] if line.startswith("[/") else line
    return line.split(". This is ")[0].rstrip(".")[:200]


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


def unwrap(model: nn.Module) -> nn.Module:
    """The network itself, out of DistributedDataParallel, DataParallel and torch.compile.

    Names of parameters are those of the network itself. Evaluation calls it too: the wrapper of a
    process waits for the others at each call, and they may have fewer batches.

    Args:
        model: a network, wrapped any number of times, or not at all.
    """
    while True:
        if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            return model
