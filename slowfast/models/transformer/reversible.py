"""Reversible transformers, whose activations are computed again from their outputs.

Mangalam et al., "Reversible Vision Transformers", CVPR 2022. Tokens flow in two streams:

    y1 = x1 + F(x2)        x2 = y2 - G(y1)
    y2 = x2 + G(y1)        x1 = y1 - F(x2)

F is the attention, G the linear layers. The backward pass of a run of such blocks starts from the
outputs of the run, recovers the inputs of each block, and computes its branches a second time. So
the memory for activations does not grow with the number of blocks. A block that changes the grid or
the channels cannot be reversed. It joins the streams, and its activations are kept.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torchvision.ops import StochasticDepth

from slowfast.ak.errors import UserError
from slowfast.models.layers.recomputation import recomputed
from slowfast.models.transformer.attention import Attention
from slowfast.models.transformer.block import BlockSpec, Mlp, mlp_of
from slowfast.models.transformer.tokens import Grid, layer_norm

Streams = tuple[Tensor, Tensor]


class AttentionBranch(nn.Module):
    """F: attention after a norm."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.norm = layer_norm(spec.attention.channels_in)
        self.attn = Attention(spec.attention)
        self.drop_path = StochasticDepth(spec.drop_path, mode="row")

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        return self.drop_path(self.attn(self.norm(x), grid)[0])


class MlpBranch(nn.Module):
    """G: two linear layers after a norm."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.norm = layer_norm(spec.attention.channels)
        self.mlp = mlp_of(spec, spec.attention.channels)
        self.drop_path = StochasticDepth(spec.drop_path, mode="row")

    def forward(self, x: Tensor) -> Tensor:
        return self.drop_path(self.mlp(self.norm(x)))


class ReversibleBlock(nn.Module):
    """A block that keeps grid and channels. Its inputs follow from its outputs."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.F = AttentionBranch(spec)
        self.G = MlpBranch(spec)

    def forward(self, x1: Tensor, x2: Tensor, grid: Grid) -> Streams:
        y1 = x1 + self.F(x2, grid)
        return y1, x2 + self.G(y1)


class StageTransition(nn.Module):
    """A block that joins the streams and can change grid and channels.

    The joined tokens pass the branches of a usual block. The shortcut of the attention is widened
    by `res_proj`, and pooled by the convolution of the queries.

    Args:
        spec: sizes and settings.
        fusion: how the streams are joined, see `JoinStreams`.
    """

    def __init__(self, spec: BlockSpec, fusion: str) -> None:
        super().__init__()
        attention = spec.attention
        both = attention.channels_in if keeps_both_streams(fusion) else 2 * attention.channels_in
        self.pre_q_fusion = JoinStreams(fusion, both)
        self.F = AttentionBranch(spec)
        self.G = MlpBranch(spec)
        widens = attention.channels_in != attention.channels
        self.res_proj = nn.Linear(attention.channels_in, attention.channels) if widens else None

    def forward(self, streams: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """(N, L, 2 C), both streams side by side -> tokens (N, L', C') and their grid."""
        x = self.pre_q_fusion(streams)
        attended = self.F(x, grid)
        x = self.res_proj(x) if self.res_proj else x
        heads = x.unflatten(-1, (self.F.attn.spec.heads, -1)).transpose(1, 2)
        heads, grid = self.F.attn.pooled("q", heads, grid)
        x = heads.transpose(1, 2).flatten(2) + attended
        return x + self.G(x), grid


class JoinStreams(nn.Module):
    """Joins two streams that lie side by side in (N, L, 2 C).

    No published values show what the published weights of "concat_linear_R" compute. Its form here
    has 39.7 M parameters and 8.6 G multiply-adds in the published network of images, for which
    Mangalam et al. (2022) report 39 M and 8.7 G.

    Args:
        fusion: "avg": the mean of the streams; "concat": both streams side by side;
            "concat_linear_R": the same, plus two linear layers of them, with R times their channels
            between the layers.
        channels: 2 C.

    Raises:
        UserError: there is no such fusion.
    """

    def __init__(self, fusion: str, channels: int) -> None:
        super().__init__()
        self._averages = not keeps_both_streams(fusion)
        ratio = fusion.removeprefix(_MLP_FUSION)
        if fusion != ratio:
            self.fuse_fn = Mlp(channels, channels * int(ratio), channels)

    def forward(self, streams: Tensor) -> Tensor:
        """(N, L, 2 C) -> (N, L, C) for the mean, else (N, L, 2 C)."""
        if self._averages:
            return streams.unflatten(-1, (2, -1)).mean(dim=-2)
        return streams + self.fuse_fn(streams) if hasattr(self, "fuse_fn") else streams


_MLP_FUSION = "concat_linear_"


def keeps_both_streams(fusion: str) -> bool:
    """Whether streams that are joined have the channels of both.

    Raises:
        UserError: there is no such fusion.
    """
    ratio = fusion.removeprefix(_MLP_FUSION)
    known = fusion in ("avg", "concat") or (fusion != ratio and ratio.isdecimal() and int(ratio))
    if not known:
        expected = "avg, concat, concat_linear_2, or concat_linear_ with another number"
        raise UserError(f"found {fusion!r}; expected {expected}")
    return fusion != "avg"


class ReversibleTrunk(nn.Module):
    """All blocks of a reversible transformer, as `layers`.

    Args:
        specs: the blocks.
        transitions: numbers of the blocks that are stage transitions.
        fusion: how they join the streams, see `JoinStreams`.
        recompute: whether the backward pass computes stage transitions again too.
    """

    def __init__(
        self,
        specs: Sequence[BlockSpec],
        transitions: Sequence[int] = (),
        fusion: str = "avg",
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self._recompute = recompute
        self.layers = nn.ModuleList(
            StageTransition(spec, fusion) if number in transitions else ReversibleBlock(spec)
            for number, spec in enumerate(specs)
        )

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Tokens (N, L, C) -> both streams side by side (N, L', 2 C'), and their grid."""
        # Inputs are recovered by subtraction, which half precision would round too much.
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        streams = (x, x)
        for is_reversible, group in groupby(
            self.layers, key=lambda layer: isinstance(layer, ReversibleBlock)
        ):
            layers = list(group)
            if is_reversible:
                streams = self._reversible(layers, streams, grid)
                continue
            for layer in layers:
                joined = torch.cat(streams, dim=-1)
                again = self._recompute and self.training
                x, grid = recomputed(layer, joined, grid) if again else layer(joined, grid)
                streams = (x, x)
        return torch.cat(streams, dim=-1), grid

    def _reversible(self, blocks: list[nn.Module], streams: Streams, grid: Grid) -> Streams:
        if self.training and torch.is_grad_enabled():
            return _run(blocks, streams, grid)
        for block in blocks:
            streams = block(*streams, grid)
        return streams


@torch.compiler.disable
def _run(blocks: list[ReversibleBlock], streams: Streams, grid: Grid) -> Streams:
    return _Reversible.apply(blocks, grid, *streams, *_parameters(blocks))


def _parameters(blocks: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [parameter for block in blocks for parameter in block.parameters()]


class _Reversible(torch.autograd.Function):
    """A run of reversible blocks. Only its outputs are kept for the backward pass.

    The parameters are inputs too, so that their gradients take the usual way of autograd.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        blocks: list[ReversibleBlock],
        grid: Grid,
        x1: Tensor,
        x2: Tensor,
        *parameters: nn.Parameter,
    ) -> Streams:
        kind = x1.device.type
        ctx.blocks, ctx.grid, ctx.states = blocks, grid, []
        ctx.autocast = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        for block in blocks:
            before_f = random_state(x1.device)
            x1 = x1 + block.F(x2, grid)
            before_g = random_state(x1.device)
            x2 = x2 + block.G(x1)
            ctx.states.append((before_f, before_g))
        ctx.save_for_backward(x1, x2)
        return x1, x2

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d1: Tensor, d2: Tensor) -> tuple[Any, ...]:
        x1, x2 = ctx.saved_tensors
        found: dict[nn.Parameter, Tensor | None] = {}
        for block, (before_f, before_g) in zip(
            reversed(ctx.blocks), reversed(ctx.states), strict=True
        ):
            g = _Again(block.G, [x1], before_g, ctx.autocast)
            x2, d1 = x2 - g.output, d1 + g.gradient(d2, found)
            f = _Again(block.F, [x2, ctx.grid], before_f, ctx.autocast)
            x1, d2 = x1 - f.output, d2 + f.gradient(d1, found)
        return None, None, d1, d2, *map(found.get, _parameters(ctx.blocks))


class _Again:
    """A branch that is computed a second time, with the random draws of the first time.

    Args:
        branch: the branch.
        inputs: its tokens x, and what else it takes.
        state: the state of the random generator before the first time.
        autocast: whether autocast is on, and its type.

    Attributes:
        output: the result, in the type of x.
    """

    def __init__(
        self, branch: nn.Module, inputs: list, state: Tensor, autocast: tuple[bool, torch.dtype]
    ) -> None:
        x, *others = inputs
        enabled, dtype = autocast
        self._parameters = [p for p in branch.parameters() if p.requires_grad]
        self._x = x.detach().requires_grad_()
        with (
            torch.enable_grad(),
            torch.autocast(x.device.type, dtype=dtype, enabled=enabled),
            random_state_set_to(state, x.device),
        ):
            self._y = branch(self._x, *others).to(x.dtype)
        self.output = self._y.detach()

    def gradient(self, d: Tensor, found: dict[nn.Parameter, Tensor | None]) -> Tensor:
        """The gradient of x, given that of the output. Adds those of the parameters to `found`."""
        inputs = [self._x, *self._parameters]
        through, *others = torch.autograd.grad(self._y, inputs, d, allow_unused=True)
        found.update(zip(self._parameters, others, strict=True))
        return through


def random_state(device: torch.device) -> Tensor:
    """The state of the random generator from which layers on a device draw."""
    if device.type == "cpu":
        return torch.get_rng_state()
    return torch.get_device_module(device).get_rng_state(device)


@contextmanager
def random_state_set_to(state: Tensor, device: torch.device) -> Iterator[None]:
    """Sets the random generator of a device to a state, and back to its own at the end."""
    own = random_state(device)
    _set_random_state(state, device)
    try:
        yield
    finally:
        _set_random_state(own, device)


def _set_random_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device).set_rng_state(state, device)
