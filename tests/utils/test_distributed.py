"""Processes exchange tensors and objects, and errors of their backends are explained."""

import numpy as np
import pytest
import torch
import torch.distributed as dist

from slowfast.ak.errors import UserError
from slowfast.ak.run.processes import gather_objects, rank_and_size
from slowfast.utils import distributed
from slowfast.utils.distributed import LostProcess, explaining_lost_processes

TWO = 2


def exchange(local_rank, folder):
    torch.set_num_threads(1)
    for meeting in ("first", "second"):
        meet = f"file://{folder}/{meeting}"
        distributed.init_process_group(local_rank, TWO, 0, 1, meet, "gloo")
        rank = distributed.get_rank()
        assert rank_and_size() == (rank, TWO)
        assert distributed.get_world_size() == distributed.get_local_size() == TWO
        assert distributed.get_local_rank() == rank
        assert distributed.is_master_proc() == (rank == 0)
        (mean,) = distributed.all_reduce([torch.tensor([float(rank), 4.0])])
        (total,) = distributed.all_reduce([torch.tensor(rank + 1)], average=False)
        (joined,) = distributed.all_gather([torch.full((2, 1), rank)])
        objects = distributed.all_gather_unaligned({"rank": rank, "array": np.arange(rank)})
        distributed.synchronize()
        assert mean.tolist() == [0.5, 4.0]
        assert total.item() == 3
        assert joined.flatten().tolist() == [0, 0, 1, 1]
        assert [len(part["array"]) for part in objects] == [0, 1]
        assert distributed.from_master(("rank", rank)) == ("rank", 0)
        assert distributed.call_on_master(distributed.get_rank) == 0
        with pytest.raises(UserError, match="of the first process"):
            distributed.call_on_master(fail)
        distributed.destroy_process_group()
        assert distributed.get_world_size() == 1


def fail():
    raise UserError("of the first process")


def test_two_processes_exchange_and_meet_again(tmp_path):
    torch.multiprocessing.start_processes(
        exchange, (str(tmp_path),), nprocs=TWO, start_method="fork"
    )


def test_one_process_needs_no_group():
    tensor = torch.ones(2)
    assert rank_and_size() == (0, 1)
    assert distributed.is_master_proc(num_gpus=8)
    assert distributed.all_reduce([tensor])[0] is tensor
    assert distributed.all_gather([tensor])[0] is tensor
    assert distributed.all_gather_unaligned("x") == gather_objects("x") == ["x"]
    assert distributed.from_master("x") == "x"
    assert distributed.call_on_master(lambda: "x") == "x"
    distributed.synchronize()
    distributed.destroy_process_group()


def nccl(name: str, last: str) -> dist.DistBackendError:
    """Returns an error with the text of NCCL's errors in PyTorch."""
    return dist.DistBackendError(
        "NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, unhandled error "
        f"(run with NCCL_DEBUG=INFO for details), NCCL version 2.27.5\n{name}: A call failed.\n"
        f"Last error:\n{last}\n"
    )


CLOSED = "socketProgress: Connection closed by remote peer node1<39000>"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (nccl("ncclRemoteError", CLOSED), LostProcess, f"has ended \\({CLOSED}\\)"),
        (nccl("ncclSystemError", CLOSED), LostProcess, "has ended"),
        (
            RuntimeError(
                "[/pytorch/gloo/transport/tcp/pair.cc:534] Connection closed by peer [::1]"
            ),
            LostProcess,
            r"has ended \(Connection closed by peer \[::1\]\)",
        ),
        (dist.DistNetworkError("The connection was refused"), LostProcess, "has ended"),
        (
            dist.DistBackendError("Watchdog caught collective operation timeout: WorkNCCL"),
            LostProcess,
            "longer than DIST_TIMEOUT, 5 minutes",
        ),
        (
            dist.DistStoreError("wait timeout after 300000ms"),
            LostProcess,
            "longer than DIST_TIMEOUT",
        ),
        (
            nccl("ncclInvalidUsage", "Duplicate GPU detected : rank 1 and rank 0 both on 1b000"),
            UserError,
            r"two processes on one GPU \(Duplicate GPU detected .*Set NUM_GPUS",
        ),
        (
            nccl("ncclUnhandledCudaError", "Cuda failure 2 'out of memory'"),
            dist.DistBackendError,
            "out of memory",
        ),
        (RuntimeError("size mismatch"), RuntimeError, "^size mismatch$"),
    ],
)
def test_only_errors_about_other_processes_become_lost_processes(error, kind, text):
    with pytest.raises(kind, match=text) as caught, explaining_lost_processes(5):
        raise error
    assert isinstance(caught.value, LostProcess) == (kind is LostProcess)
    assert (caught.value is error) == (kind not in (LostProcess, UserError))


@pytest.mark.parametrize("backend", ["nccl", "gloo"])
def test_nccl_is_given_the_gpu_of_the_process(monkeypatch, backend):
    seen = {}
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: seen.update(current=device))
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **settings: seen.update(settings))
    monkeypatch.setattr(distributed, "group_for_objects", lambda *_: None)
    monkeypatch.setattr(distributed, "_local_rank", 0)
    monkeypatch.setattr(distributed, "_local_size", 1)
    distributed.init_process_group(1, TWO, 0, 1, "file:///meet", backend, on_gpu=True)
    assert seen["current"] == 1
    assert seen["device_id"] == (torch.device("cuda", 1) if backend == "nccl" else None)
