"""Counts the cost of a clip for the three recipes; the counts are the same on every machine.

- Multiply-adds: of a forward pass.
- Kept for backward: the bytes that autograd saves of a clip in float32, each storage once and
  without weights. This is a lower bound of the memory of training, and of the traffic between the
  device and its memory.
- Operations: what PyTorch hands to the device in a forward and a backward pass. Their number does
  not depend on the number of clips.
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
from slowfast.models import build_model
from slowfast.models.cost import multiply_adds

# Frames and side of a clip. The first is the base of the growth, the last is that of the recipes.
CLIPS = ((8, 128), (16, 128), (32, 128), (8, 256))
_MIB = 2**20


class Cost(NamedTuple):
    """The counts of a recipe; `kept` in bytes for one clip."""

    recipe: str
    parameters: int
    multiply_adds: float
    kept: int
    operations: int


def measure(folder: Path, repeats: int) -> list[Table]:
    """Returns a table of the recipes, and a table of how the cost of a clip grows."""
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
    """Counts the cost of a clip of `frames` frames with sides of `side` pixels."""
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
    """Counts the operations of a forward and a backward pass, without views."""
    inputs = _input(cfg, side)
    with _Counter() as counter:
        network.train()(inputs).sum().backward()
    return counter.count


def _input(cfg: CfgNode, side: int) -> list[torch.Tensor]:
    """The network's input for one black clip."""
    pixels = torch.zeros(1, 3, cfg.DATA.NUM_FRAMES, side, side, dtype=torch.uint8)
    return InputTransform.from_cfg(cfg)(pixels)


class _Counter(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def kept_bytes(cfg: CfgNode, network: nn.Module, side: int) -> int:
    """Returns the bytes that autograd keeps of one clip."""
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs = _input(cfg, side)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network.train()(inputs)  # keeps all tensors alive, so no address occurs twice
    assert logits.requires_grad
    return sum(kept.values())
