"""The processes of a run; it needs a pytorchvideo newer than any release."""

import torch.distributed as dist
from pytorchvideo.layers.distributed import cat_all_gather, get_world_size
from pytorchvideo.layers.distributed import get_local_process_group as get_local_process_group
from pytorchvideo.layers.distributed import get_local_rank as get_local_rank
from pytorchvideo.layers.distributed import get_local_size as get_local_size
from pytorchvideo.layers.distributed import init_distributed_training as _join_this_machine


def init_distributed_training(cfg):
    return _join_this_machine(cfg.NUM_GPUS, cfg.SHARD_ID)


def get_rank():
    return dist.get_rank() if dist.is_initialized() else 0


def is_master_proc(num_gpus=8):
    return not dist.is_initialized() or dist.get_rank() % num_gpus == 0


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
