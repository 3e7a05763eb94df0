"""Settings of speed for the whole process, made before anything is computed."""

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.run.allocator import keep_all_freed_memory


def prepare_device(cfg: CfgNode) -> None:
    """Applies SPEED.TF32, SPEED.CUDNN_BENCHMARK and, on the CPU, SPEED.KEEP_MEMORY.

    They set how CUDA multiplies, how cuDNN chooses kernels, and whether freed memory is kept.

    It waits for no device.
    """
    torch.backends.cuda.matmul.allow_tf32 = cfg.SPEED.TF32
    torch.backends.cudnn.allow_tf32 = cfg.SPEED.TF32  # torch's default is True
    torch.backends.cudnn.benchmark = cfg.SPEED.CUDNN_BENCHMARK
    if cfg.SPEED.KEEP_MEMORY and not (cfg.NUM_GPUS and torch.cuda.is_available()):
        keep_all_freed_memory()
