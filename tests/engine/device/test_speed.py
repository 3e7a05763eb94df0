"""Settings of CUDA and of the allocator, made before anything is computed."""

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


# Prints the page faults of writing to a block of 64 MiB after such blocks were freed. The first few
# blocks can be new memory even if freed memory is kept: glibc's cache of small blocks can take the
# rest before an aligned block, and then this rest is not joined with its neighbours.
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
def test_kept_memory_is_used_again():
    found = {}
    for way in ("keep", "give back"):
        command = [sys.executable, "-c", FAULTS, way]
        found[way] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["keep"] < 1000 < found["give back"]
