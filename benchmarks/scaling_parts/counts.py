"""What a clip costs the three recipes, counted and not timed: the same on every machine.

Multiply-adds are those of a forward pass. Kept for the backward pass are the tensors that autograd
saves of a clip in float32, each storage once, weights left out: a lower bound of the memory that
training takes, and of what has to travel between the device and its memory. Operations are those
that PyTorch hands to the device in a forward and a backward pass, however many clips there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.scaling_parts.table import RECIPES, Table, recipe
from slowfast.ak.clips.network_input import InputTransform
from slowfast.engine.device.memory import black_clips
from slowfast.models import build_model
from slowfast.models.cost import multiply_adds

# Frames and side of a clip: what growth is counted against, what is grown, and the recipes' own,
# the last; four times its frames would not fit where this is meant to run.
CLIPS = ((8, 128), (16, 128), (32, 128), (8, 256))
_MIB = 2**20


class Cost(NamedTuple):
    """Of a recipe: parameters, multiply-adds of a clip's forward pass, bytes kept of a clip, and
    operations of a forward and a backward pass."""

    recipe: str
    parameters: int
    multiply_adds: float
    kept: int
    operations: int


def measure(folder: Path, repeats: int) -> list[Table]:
    """A table of the recipes, and one of how their clips' cost grows; nothing is written."""
    sizes, growth = [], []
    for name in RECIPES:
        first, *grown = [cost(name, *clip) for clip in CLIPS]
        own = grown[-1]
        size = f"{own.parameters / 1e6:.2f}", f"{own.multiply_adds / 1e9:.2f}"
        sizes.append((name, *size, f"{own.kept / _MIB:.0f}", own.operations))
        for clip, more in zip(CLIPS[1:], grown, strict=True):
            ratios = (
                f"{more.multiply_adds / first.multiply_adds:.2f} x",
                f"{more.kept / first.kept:.2f} x",
            )
            growth.append((name, _shape(clip), *ratios))
    return [
        Table(
            f"A clip of {_shape(CLIPS[-1])}",
            ("recipe", "parameters, M", "multiply-adds, G", "kept for backward, MiB", "operations"),
            sizes,
        ),
        Table(
            f"Against a clip of {_shape(CLIPS[0])}",
            ("recipe", "clip", "multiply-adds", "kept for backward"),
            growth,
        ),
    ]


def _shape(clip: tuple[int, int]) -> str:
    return f"{clip[0]} x {clip[1]} x {clip[1]}"


def cost(name: str, frames: int, side: int) -> Cost:
    """What a clip costs a recipe."""
    cfg = recipe(name, NUM_GPUS=0, DATA__NUM_FRAMES=frames, DATA__TRAIN_CROP_SIZE=side)
    network = build_model(cfg)
    return Cost(
        name,
        sum(weight.numel() for weight in network.parameters()),
        multiply_adds(network, cfg, side),
        kept_bytes(cfg, network, side),
        operations(cfg, network),
    )


def operations(cfg: CfgNode, network: nn.Module, side: int = 64) -> int:
    """Operations of a forward and a backward pass; such as only look at memory are left out."""
    inputs = InputTransform.from_cfg(cfg)(black_clips(cfg, 1, side))
    with _Counter() as counter:
        network.train()(inputs).sum().backward()
    return counter.count


class _Counter(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def kept_bytes(cfg: CfgNode, network: nn.Module, side: int) -> int:
    """Bytes of what autograd keeps of one clip."""
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs = InputTransform.from_cfg(cfg)(black_clips(cfg, 1, side))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network.train()(inputs)  # holds all that is kept, so that no address comes twice
    assert logits.requires_grad
    return sum(kept.values())
