"""Upstream's calls of CUDA on a machine without CUDA, and the process groups at exit."""

import atexit
import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist

from slowfast.ak.run import processes
from slowfast.ak.upstream import cpu


@pytest.fixture
def gpus(monkeypatch):
    """`gpus(n)` gives the machine n GPUs; it has none at first. All that is replaced comes back."""
    monkeypatch.delenv(cpu._ON_CPU, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(atexit, "register", lambda function: None)
    for owner, name in (
        (torch.cuda, "synchronize"),
        (torch.cuda, "set_device"),
        (torch.Tensor, "cuda"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    yield lambda count: monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    os.environ.pop(cpu._ON_CPU, None)


def test_without_cuda_synchronize_does_nothing(gpus):
    set_device = torch.cuda.set_device
    cpu.do_without_cuda()
    torch.cuda.synchronize()
    assert torch.cuda.set_device is set_device


def test_in_a_started_process_on_the_cpu_tensors_stay_there(gpus):
    cpu.use_cpu_in_started_processes()
    cpu.do_without_cuda()
    torch.cuda.set_device(1)
    x = torch.ones(2)
    assert x.cuda(non_blocking=True) is x
    assert torch.nn.Linear(2, 2).cuda(1).weight.device.type == "cpu"


def test_with_cuda_nothing_is_replaced(gpus):
    gpus(1)
    before = torch.cuda.synchronize, torch.cuda.set_device, torch.Tensor.cuda
    cpu.use_cpu_in_started_processes()
    cpu.do_without_cuda()
    assert before == (torch.cuda.synchronize, torch.cuda.set_device, torch.Tensor.cuda)


@pytest.mark.parametrize("count", [0, 1])
def test_groups_are_left_at_exit_with_and_without_cuda(gpus, monkeypatch, count):
    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    gpus(count)
    cpu.do_without_cuda()
    assert registered == [cpu.leave_groups]


@pytest.fixture
def group(tmp_path):
    """A group of one process over gloo."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_over_gloo_all_groups_are_left(group):
    cpu.leave_groups()
    assert not dist.is_initialized()
    cpu.leave_groups()  # a second call, or a run without groups, does nothing


def test_beside_nccl_only_the_gloo_group_for_objects_is_left(group, monkeypatch):
    monkeypatch.setattr(dist, "get_backend", lambda group=None: "nccl")
    cpu.leave_groups()  # there is no such group yet
    beside = processes.group_for_objects()
    assert beside in dist.distributed_c10d._world.pg_map
    cpu.leave_groups()
    assert beside not in dist.distributed_c10d._world.pg_map
    assert dist.is_initialized()


@pytest.mark.skipif(torch.cuda.is_available(), reason="with CUDA nothing is replaced")
def test_torch_compile_accepts_the_replaced_functions():
    """DistributedDataParallel imports torch.compile, which looks up all names of torch.cuda."""
    code = (
        "from slowfast.ak.upstream import cpu\n"
        "cpu.use_cpu_in_started_processes(); cpu.do_without_cuda()\n"
        "import torch; torch.cuda.set_device(1); torch.cuda.synchronize()\n"
        "from torch._dynamo.trace_rules import get_torch_obj_rule_map\n"
        "get_torch_obj_rule_map()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True)
    assert done.returncode == 0, done.stderr
