"""Processes of a run, by way of a later pytorchvideo than any released."""

import torch.distributed as dist
from pytorchvideo.layers import distributed as theirs
from pytorchvideo.layers.distributed import (
    cat_all_gather,
    get_local_process_group,
    get_local_rank,
    get_local_size,
    get_world_size,
)

__all__ = [
    "all_gather",
    "all_reduce",
    "cat_all_gather",
    "get_local_process_group",
    "get_local_rank",
    "get_local_size",
    "get_rank",
    "get_world_size",
    "init_distributed_training",
    "is_master_proc",
    "is_root_proc",
    "synchronize",
]


def init_distributed_training(cfg):
    return theirs.init_distributed_training(cfg.NUM_GPUS, cfg.SHARD_ID)


def get_rank():
    return dist.get_rank() if dist.is_initialized() else 0


def is_master_proc(num_gpus=8):
    return get_rank() % num_gpus == 0


def is_root_proc():
    return get_rank() == 0


def synchronize():
    if get_world_size() > 1:
        dist.barrier()


def all_gather(tensors):
    return [cat_all_gather(tensor) for tensor in tensors]


def all_reduce(tensors, average=True):
    for tensor in tensors:
        dist.all_reduce(tensor)
        if average:
            tensor.div_(get_world_size())
    return tensors
