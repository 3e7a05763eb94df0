"""The first function that each process of a run calls."""

import torch
from slowfast.utils import distributed as du


def run(local_rank, num_proc, func, init_method, shard_id, num_shards, backend, cfg, *_):
    rank, size = shard_id * num_proc + local_rank, num_shards * num_proc
    torch.distributed.init_process_group(backend, init_method, rank=rank, world_size=size)
    torch.cuda.set_device(local_rank)
    du.init_distributed_training(cfg)
    func(cfg)
