"""What the whole process is told of speed, before anything is computed."""

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.run.allocator import keep_all_freed_memory


def prepare_device(cfg: CfgNode) -> None:
    """Sets how CUDA multiplies, how cuDNN finds its kernels, and, where the CPU computes, what
    becomes of freed memory: SPEED.TF32, SPEED.CUDNN_BENCHMARK, SPEED.KEEP_MEMORY.

    It waits for no device.
    """
    torch.backends.cuda.matmul.allow_tf32 = cfg.SPEED.TF32
    torch.backends.cudnn.allow_tf32 = cfg.SPEED.TF32  # True if nothing is said
    torch.backends.cudnn.benchmark = cfg.SPEED.CUDNN_BENCHMARK
    if cfg.SPEED.KEEP_MEMORY and not (cfg.NUM_GPUS and torch.cuda.is_available()):
        keep_all_freed_memory()
