"""How much memory this process and this machine use, in GiB."""

import psutil
import torch

_GIB = 1024**3


def gpu_mem_usage() -> float:
    """The most GPU memory this process has held, in GiB; 0 on the CPU."""
    return torch.cuda.max_memory_allocated() / _GIB if torch.cuda.is_available() else 0.0


def cpu_mem_usage() -> tuple[float, float]:
    """Memory of this machine in use, and all of it, in GiB."""
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / _GIB, memory.total / _GIB
