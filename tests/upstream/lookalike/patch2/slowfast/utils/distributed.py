"""The processes of a run."""

import torch
import torch.distributed as dist

_OF_THIS_MACHINE = []


def init_distributed_training(cfg):
    size = cfg.NUM_GPUS
    if size <= 1 or _OF_THIS_MACHINE:
        return
    groups = [
        dist.new_group(range(first, first + size)) for first in range(0, get_world_size(), size)
    ]
    _OF_THIS_MACHINE.append(groups[cfg.SHARD_ID])


def get_world_size():
    return dist.get_world_size() if dist.is_initialized() else 1


def get_rank():
    return dist.get_rank() if dist.is_initialized() else 0


def get_local_size():
    return dist.get_world_size(_OF_THIS_MACHINE[0]) if _OF_THIS_MACHINE else 1


def get_local_rank():
    return dist.get_rank(_OF_THIS_MACHINE[0]) if _OF_THIS_MACHINE else 0


def is_master_proc(num_gpus=8):
    return not dist.is_initialized() or dist.get_rank() % num_gpus == 0


def is_root_proc():
    return get_rank() == 0


def synchronize():
    if get_world_size() > 1:
        dist.barrier()


def all_gather(tensors):
    gathered = []
    for tensor in tensors:
        parts = [torch.empty_like(tensor) for _ in range(get_world_size())]
        dist.all_gather(parts, tensor)
        gathered.append(torch.cat(parts))
    return gathered


def all_reduce(tensors, average=True):
    for tensor in tensors:
        dist.all_reduce(tensor)
        if average:
            tensor.div_(get_world_size())
    return tensors
