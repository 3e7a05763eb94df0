"""Names of torch.cuda that were replaced, beside torch.compile, which looks all of them up."""

import os
import subprocess
import sys

import pytest
import torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="nothing is replaced where there is CUDA")
def test_torch_compile_can_be_imported_in_a_process_on_the_cpu():
    """DistributedDataParallel imports it."""
    code = (
        "from slowfast.ak.upstream import cpu\n"
        "cpu.start_processes_here(); cpu.do_without_cuda()\n"
        "import torch; torch.cuda.set_device(1); torch.cuda.synchronize()\n"
        "from torch._dynamo.trace_rules import get_torch_obj_rule_map\n"
        "get_torch_obj_rule_map()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True)
    assert done.returncode == 0, done.stderr
