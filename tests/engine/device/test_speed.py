"""What CUDA and the C library are told before anything is computed."""

import platform
import subprocess
import sys

import pytest
import torch

from slowfast.config.defaults import get_cfg
from slowfast.engine.device.speed import prepare_device


def settings() -> tuple[bool, bool, bool]:
    backends = torch.backends
    return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark


@pytest.fixture(autouse=True)
def _set_back():
    before = settings()
    yield
    backends = torch.backends
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark = before


def test_float32_is_float32_unless_asked_otherwise():
    cfg = get_cfg()
    prepare_device(cfg)
    assert settings() == (False, False, True)
    cfg.SPEED.TF32, cfg.SPEED.CUDNN_BENCHMARK = True, False
    prepare_device(cfg)
    assert settings() == (True, True, False)


# Page faults of a block of 64 MiB that is written to, once such blocks were freed. The first few
# may be new even where they are kept: the rest that aligning a block leaves before it may go to
# glibc's cache of small ones, which holds seven of a size, and parts it from its neighbours.
FAULTS = """
import resource, sys, torch
from slowfast.ak.run.allocator import keep_all_freed_memory
if sys.argv[1] == "keep":
    assert keep_all_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(20)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told")
def test_kept_memory_is_not_handed_out_anew():
    found = {}
    for way in ("keep", "give back"):
        command = [sys.executable, "-c", FAULTS, way]
        found[way] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["keep"] < 1000 < found["give back"]
