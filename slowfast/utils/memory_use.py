"""Memory use of this process and of this machine, in GiB."""

import psutil
import torch

_GIB = 1024**3


def gpu_mem_usage() -> float:
    """Returns the most GPU memory that PyTorch has reserved in this process, in GiB; 0 on the CPU.

    `nvidia-smi` shows more: this figure leaves out the CUDA context (about half a GiB) and the
    buffers of NCCL.
    """
    return torch.cuda.max_memory_reserved() / _GIB if torch.cuda.is_available() else 0.0


def cpu_mem_usage() -> tuple[float, float]:
    """Returns the used and the total memory of this machine, in GiB."""
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / _GIB, memory.total / _GIB
