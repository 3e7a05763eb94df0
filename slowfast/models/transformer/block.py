"""The transformer block: attention, then two linear layers, each with a shortcut."""

from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from slowfast.models.transformer.attention import Attention, AttentionSpec
from slowfast.models.transformer.tokens import Grid, Pooling, layer_norm, on_grid


@dataclass(frozen=True)
class BlockSpec:
    """The sizes and settings of a block.

    Attributes:
        attention: those of its attention.
        channels_out: channels of the output.
        mlp_ratio: channels between the two linear layers, over the channels of their input.
        dropout: probability that a feature is dropped after each linear layer in training.
        drop_path: probability that a clip skips a residual branch in training.
    """

    attention: AttentionSpec
    channels_out: int
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    drop_path: float = 0.0


class Mlp(nn.Module):
    """Linear, GELU, linear; dropout after each linear layer."""

    def __init__(self, channels: int, hidden: int, channels_out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, channels_out)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


def mlp_of(spec: BlockSpec, channels_out: int) -> Mlp:
    """The two linear layers of a block."""
    channels = spec.attention.channels
    return Mlp(channels, int(channels * spec.mlp_ratio), channels_out, spec.dropout)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), on tokens (N, L, C).

    Max pooling brings the shortcut of the attention to the grid of the queries. The linear layer
    `proj` brings the shortcut of that part to more channels that changes them: the attention in
    MViTv2, the linear layers in MViTv1.
    """

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        attention = spec.attention
        self._has_class = attention.has_class
        self._widens_in_attention = attention.channels_in != attention.channels
        self.norm1 = layer_norm(attention.channels_in)
        self.attn = Attention(attention)
        self.norm2 = layer_norm(attention.channels)
        self.mlp = mlp_of(spec, spec.channels_out)
        widens = attention.channels_in != spec.channels_out
        self.proj = nn.Linear(attention.channels_in, spec.channels_out) if widens else None
        skip = skip_pooling(attention.pool_q)
        self.pool_skip = nn.MaxPool3d(skip.kernel, skip.stride, skip.padding) if skip else None
        self.drop_path = StochasticDepth(spec.drop_path, mode="row")

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Tokens (N, L, C) and their grid (T, H, W) -> tokens and their grid."""
        normed = self.norm1(x)
        attended, grid_after = self.attn(normed, grid)
        if self._widens_in_attention:
            x = self.proj(normed)
        if self.pool_skip:
            x, _ = on_grid(self.pool_skip, x, grid, self._has_class)
        x = x + self.drop_path(attended)
        normed = self.norm2(x)
        branch = self.drop_path(self.mlp(normed))
        if self.proj and not self._widens_in_attention:
            x = self.proj(normed)
        return x + branch, grid_after


def skip_pooling(pool_q: Pooling | None) -> Pooling | None:
    """The pooling of a shortcut beside queries that are pooled; None if they keep the grid."""
    if not pool_q or max(pool_q.stride) == 1:
        return None
    return Pooling.covering(pool_q.stride)
