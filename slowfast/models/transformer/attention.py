"""Multi-head attention whose queries, keys and values are pooled over time and space.

Fan et al., "Multiscale Vision Transformers", ICCV 2021; Li et al., "MViTv2", CVPR 2022. Without
pooling and positions it is the attention of ViT (Dosovitskiy et al., ICLR 2021).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.models.transformer import relative_positions
from slowfast.models.transformer.tokens import Grid, Pooling, layer_norm, on_grid


@dataclass(frozen=True)
class AttentionSpec:
    """The sizes and settings of an attention layer.

    Attributes:
        channels_in: channels of the input.
        channels: channels of queries, keys, values, and of the output.
        heads: number of heads, which divide `channels`.
        grid: T, H, W of the input at the size of the configuration.
        pool_q: pooling of the queries; None: they are not pooled.
        pool_kv: pooling of keys and values; None: they are not pooled.
        has_class: whether the first token is a class token, which is not pooled.
        qkv_bias: whether the projections to queries, keys and values have a bias.
        separate_qkv: whether these are three layers `q`, `k`, `v`, and not one layer `qkv`.
        relative: axes with relative positions, a part of "thw".
        relative_zero_init: whether the tables of relative positions start at zero.
        residual_pooling: whether the pooled queries are added to the result.
        dropout: probability that a feature of the output is dropped in training.
    """

    channels_in: int
    channels: int
    heads: int
    grid: Grid
    pool_q: Pooling | None = None
    pool_kv: Pooling | None = None
    has_class: bool = False
    qkv_bias: bool = True
    separate_qkv: bool = False
    relative: str = ""
    relative_zero_init: bool = False
    residual_pooling: bool = False
    dropout: float = 0.0

    @property
    def table_grids(self) -> tuple[Grid, Grid]:
        """The grids of queries and keys for which the tables of relative positions are made.

        The published tables count whole strides. A convolution can leave one place more.
        """
        strides = [p.stride if p else (1, 1, 1) for p in (self.pool_q, self.pool_kv)]
        return tuple(
            tuple(size // s for size, s in zip(self.grid, stride, strict=True))
            for stride in strides
        )


class Attention(nn.Module):
    """Attention on tokens (N, L, C). The grid of its output is that of the pooled queries."""

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.spec = spec
        head_channels = spec.channels // spec.heads
        grid_q, grid_k = spec.table_grids
        for axis in spec.relative:
            number = relative_positions.AXES.index(axis)
            length = relative_positions.table_length(grid_q[number], grid_k[number])
            table = torch.zeros(length, head_channels)
            if not spec.relative_zero_init:
                nn.init.normal_(table, std=0.02)
            self.register_parameter(f"rel_pos_{axis}", nn.Parameter(table))
        if spec.separate_qkv:
            self.q, self.k, self.v = (
                nn.Linear(spec.channels_in, spec.channels, bias=spec.qkv_bias) for _ in "qkv"
            )
        else:
            self.qkv = nn.Linear(spec.channels_in, 3 * spec.channels, bias=spec.qkv_bias)
        self.proj = nn.Linear(spec.channels, spec.channels)
        self.drop = nn.Dropout(spec.dropout)
        for name, pooling in (("q", spec.pool_q), ("k", spec.pool_kv), ("v", spec.pool_kv)):
            if pooling:
                convolution = nn.Conv3d(
                    head_channels,
                    head_channels,
                    pooling.kernel,
                    stride=pooling.stride,
                    padding=pooling.padding,
                    groups=head_channels,
                    bias=False,
                )
                self.add_module(f"pool_{name}", convolution)
                self.add_module(f"norm_{name}", layer_norm(head_channels))

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Attends.

        Args:
            x: tokens (N, L, channels_in).
            grid: their grid (T, H, W).

        Returns:
            Tokens (N, L', channels) and their grid.
        """
        q, k, v = self._projected(x)
        q, grid_q = self.pooled("q", q, grid)
        k, grid_k = self.pooled("k", k, grid)
        v, _ = self.pooled("v", v, grid)
        has_class = self.spec.has_class
        y = self._attend(q, k, v, grid_q, grid_k)
        if self.spec.residual_pooling:
            y = torch.cat([y[:, :, :1], y[:, :, 1:] + q[:, :, 1:]], 2) if has_class else y + q
        return self.drop(self.proj(y.transpose(1, 2).flatten(2))), grid_q

    def _projected(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, (N, heads, L, channels of a head) each."""
        if self.spec.separate_qkv:
            parts = [self.q(x), self.k(x), self.v(x)]
        else:
            parts = self.qkv(x).chunk(3, dim=-1)
        return tuple(part.unflatten(-1, (self.spec.heads, -1)).transpose(1, 2) for part in parts)

    def pooled(self, name: str, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Applies the pooling and the norm of q, k or v to (N, heads, L, channels of a head).

        On the CPU the convolution computes in float32 under autocast. There, oneDNN's bf16 weight
        gradient of depthwise convolutions with few channels is wrong in the layout that tokens have
        (PyTorch 2.14.1).
        """
        convolution = getattr(self, f"pool_{name}", None)
        if convolution is None:
            return x, grid
        by_head = x.flatten(0, 1)
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                tokens, grid = on_grid(convolution, by_head.float(), grid, self.spec.has_class)
        else:
            tokens, grid = on_grid(convolution, by_head, grid, self.spec.has_class)
        x = tokens.unflatten(0, x.shape[:2])
        return getattr(self, f"norm_{name}")(x), grid

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, grid_q: Grid, grid_k: Grid) -> Tensor:
        scale, channels = q.shape[-1] ** -0.5, v.shape[-1]
        if self.spec.relative:
            tables = {axis: getattr(self, f"rel_pos_{axis}") for axis in self.spec.relative}
            q, k = relative_positions.extended(q, k, grid_q, grid_k, tables, scale)
            scale = 1.0
            v = F.pad(v, (0, q.shape[-1] - channels))  # fast kernels take equal channels only
        return F.scaled_dot_product_attention(q, k, v, scale=scale)[..., :channels]
