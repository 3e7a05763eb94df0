"""What the whole process is told of speed, before anything is computed."""

import torch
from fvcore.common.config import CfgNode


def prepare_device(cfg: CfgNode) -> None:
    """Sets how CUDA multiplies and how cuDNN finds its kernels: SPEED.TF32, SPEED.CUDNN_BENCHMARK.

    It does nothing on the CPU, and waits for no device.
    """
    torch.backends.cuda.matmul.allow_tf32 = cfg.SPEED.TF32
    torch.backends.cudnn.allow_tf32 = cfg.SPEED.TF32  # True if nothing is said
    torch.backends.cudnn.benchmark = cfg.SPEED.CUDNN_BENCHMARK
