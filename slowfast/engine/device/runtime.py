"""What both loops need of the machine: device, precision, seeds, and norms that are shared."""

import random
from contextlib import AbstractContextManager

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.norms.frozen import FrozenNorm
from slowfast.utils import distributed

_PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16}


def get_device(cfg: CfgNode) -> torch.device:
    """The device of this process: its own GPU where NUM_GPUS > 0, else the CPU."""
    if cfg.NUM_GPUS and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def autocast(cfg: CfgNode, device: torch.device) -> AbstractContextManager:
    """Mixed precision as TRAIN.MIXED_PRECISION and TRAIN.MIXED_PRECISION_TYPE ask for."""
    dtype = _PRECISIONS[cfg.TRAIN.MIXED_PRECISION_TYPE]
    return torch.autocast(device.type, dtype=dtype, enabled=cfg.TRAIN.MIXED_PRECISION)


def make_scaler(cfg: CfgNode, device: torch.device) -> torch.amp.GradScaler:
    """A gradient scaler, which does something in fp16 alone: bf16 has the range of float32."""
    needed = cfg.TRAIN.MIXED_PRECISION and cfg.TRAIN.MIXED_PRECISION_TYPE == "fp16"
    return torch.amp.GradScaler(device.type, enabled=needed)


def seed_everything(seed: int, epoch: int = 0, iteration: int = 0) -> None:
    """Seeds every global generator for one step of one process.

    A step's randomness is a function of (seed, epoch, iteration, rank) alone. So a run that is
    resumed at any step draws what the uninterrupted run drew, whatever happened in between, and no
    generator's state has to be saved.
    """
    entropy = np.random.SeedSequence([seed, epoch, iteration, distributed.get_rank()])
    torch_seed, numpy_seed, python_seed = (int(s) for s in entropy.generate_state(3))
    torch.manual_seed(torch_seed)
    np.random.seed(numpy_seed)  # noqa: NPY002  libraries that draw from the global one
    random.seed(python_seed)


@torch.no_grad()
def share_norm_statistics(model: nn.Module) -> None:
    """Joins the running statistics that norm layers have on each process, in place; frozen ones,
    which are the same everywhere, stay bit for bit.

    Each process sees other clips; afterwards all evaluate, and save, the same network. The joint
    variance is the mean of the variances plus the variance of the means.
    """
    layers = [
        m
        for m in model.modules()
        if getattr(m, "running_mean", None) is not None and not isinstance(m, FrozenNorm)
    ]
    if distributed.get_world_size() == 1 or not layers:
        return
    own_mean = torch.cat([layer.running_mean for layer in layers])
    variance = torch.cat([layer.running_var for layer in layers])
    (mean,) = distributed.all_reduce([own_mean.clone()])
    (variance,) = distributed.all_reduce([variance + (own_mean - mean).square()])
    sizes = [len(layer.running_mean) for layer in layers]
    for layer, *joint in zip(layers, mean.split(sizes), variance.split(sizes), strict=True):
        layer.running_mean.copy_(joint[0])
        layer.running_var.copy_(joint[1])
