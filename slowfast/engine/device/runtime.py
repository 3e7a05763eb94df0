"""The device, the precision, seeds, and shared norm statistics."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.norms.frozen import FrozenNorm
from slowfast.utils import distributed

_PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16}


def get_device(cfg: CfgNode) -> torch.device:
    """The device of this process: its own GPU if NUM_GPUS > 0, else the CPU."""
    if cfg.NUM_GPUS and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


@dataclass(frozen=True)
class Precision:
    """The precision in which networks compute on a device.

    Attributes:
        dtype: of mixed precision; None: float32.
    """

    device: torch.device
    dtype: torch.dtype | None = None

    @classmethod
    def from_cfg(cls, cfg: CfgNode, device: torch.device) -> Precision:
        """As TRAIN.MIXED_PRECISION and TRAIN.MIXED_PRECISION_TYPE say."""
        train = cfg.TRAIN
        mixed = _PRECISIONS[train.MIXED_PRECISION_TYPE] if train.MIXED_PRECISION else None
        return cls(device, mixed)

    def autocast(self) -> AbstractContextManager:
        """The context in which a network computes in this precision."""
        enabled = self.dtype is not None
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=enabled)

    def run(self, network: nn.Module) -> Callable[[Any], Any]:
        """A function that calls a network in this precision."""

        def forward(inputs: Any) -> Any:
            with self.autocast():
                return network(inputs)

        return forward

    def make_scaler(self) -> torch.amp.GradScaler:
        """A gradient scaler. It only does something in fp16: bf16 has the range of float32."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)


def seed_everything(seed: int, epoch: int = 0, iteration: int = 0) -> None:
    """Seeds every global generator for one step of one process.

    The randomness of a step is a function of only (seed, epoch, iteration, rank). So a run that
    resumes at any step draws the same numbers as a run without a stop, and checkpoints hold no
    states of generators.
    """
    entropy = np.random.SeedSequence([seed, epoch, iteration, distributed.get_rank()])
    torch_seed, numpy_seed, python_seed = (int(s) for s in entropy.generate_state(3))
    torch.manual_seed(torch_seed)
    np.random.seed(numpy_seed)  # noqa: NPY002  libraries that draw from the global one
    random.seed(python_seed)


@torch.no_grad()
def share_norm_statistics(model: nn.Module) -> None:
    """Joins the running statistics of norm layers over the processes, in place.

    Each process sees other clips; afterwards all processes evaluate and save the same network. The
    joint variance is the mean of the variances plus the variance of the means. Frozen statistics,
    which are the same everywhere, stay bit for bit.
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
