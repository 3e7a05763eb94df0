"""What the whole process is told of speed, before anything is computed."""

import ctypes
import sys

import torch
from fvcore.common.config import CfgNode

# Of mallopt(3), glibc: what is given back at the heap's end, and how many blocks lie outside it.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def prepare_device(cfg: CfgNode) -> None:
    """Sets how CUDA multiplies, how cuDNN finds its kernels, and, where the CPU computes, what
    becomes of freed memory: SPEED.TF32, SPEED.CUDNN_BENCHMARK, SPEED.KEEP_MEMORY.

    It waits for no device.
    """
    torch.backends.cuda.matmul.allow_tf32 = cfg.SPEED.TF32
    torch.backends.cudnn.allow_tf32 = cfg.SPEED.TF32  # True if nothing is said
    torch.backends.cudnn.benchmark = cfg.SPEED.CUDNN_BENCHMARK
    if cfg.SPEED.KEEP_MEMORY and not (cfg.NUM_GPUS and torch.cuda.is_available()):
        keep_memory()


def keep_memory() -> bool:
    """Lets the process keep, from now on, what it frees; whether the C library can be told so.

    Else glibc gives every large block back to the system, which hands its pages out anew, one by
    one and filled with zeros, for each tensor of each step.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):  # as in musl
        return False
    never, none = -1, 0
    return bool(libc.mallopt(_M_TRIM_THRESHOLD, never) and libc.mallopt(_M_MMAP_MAX, none))
