"""Processes exchange tensors and objects; one alone needs no group."""

import numpy as np
import torch

from slowfast.utils import distributed

TWO = 2


def exchange(local_rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(local_rank, TWO, 0, 1, f"file://{folder}/meet", "gloo")
    rank = distributed.get_rank()
    assert distributed.get_world_size() == distributed.get_local_size() == TWO
    assert distributed.get_local_rank() == rank
    assert distributed.is_master_proc() == (rank == 0)
    (mean,) = distributed.all_reduce([torch.tensor([float(rank), 4.0])])
    (total,) = distributed.all_reduce([torch.tensor(rank + 1)], average=False)
    (joined,) = distributed.all_gather([torch.full((2, 1), rank)])
    given = distributed.from_master(("of rank", rank))
    objects = distributed.all_gather_unaligned({"rank": rank, "array": np.arange(rank)})
    distributed.synchronize()
    assert mean.tolist() == [0.5, 4.0]
    assert total.item() == 3
    assert joined.flatten().tolist() == [0, 0, 1, 1]
    assert given == ("of rank", 0)
    assert [len(part["array"]) for part in objects] == [0, 1]
    distributed.destroy_process_group()
    assert distributed.get_world_size() == 1


def test_two_processes_exchange(tmp_path):
    torch.multiprocessing.spawn(exchange, args=(str(tmp_path),), nprocs=TWO)


def test_without_processes_everything_is_this_one():
    tensor = torch.ones(2)
    assert distributed.get_world_size() == 1
    assert distributed.is_master_proc(num_gpus=8)
    assert distributed.all_reduce([tensor])[0] is tensor
    assert distributed.all_gather([tensor])[0] is tensor
    assert distributed.all_gather_unaligned("x") == ["x"]
    assert distributed.from_master("x") == "x"
    distributed.synchronize()
    distributed.destroy_process_group()
