"""Tokens on a grid of time, height and width.

Tokens are tensors (N, L, C). If there is a class token it is the first, and L = 1 + T * H * W;
otherwise L = T * H * W. The other tokens are counted time first, then height, then width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Grid = tuple[int, int, int]

# Vision transformers have this epsilon in all layer norms (Fan et al., 2021).
NORM_EPSILON = 1e-6


def layer_norm(channels: int) -> nn.LayerNorm:
    """The layer norm of vision transformers."""
    return nn.LayerNorm(channels, eps=NORM_EPSILON)


@dataclass(frozen=True)
class Pooling:
    """A pooling over the grid, with padding of half a kernel.

    Attributes:
        kernel: size (T, H, W) of the window.
        stride: step (T, H, W) of the window.
    """

    kernel: Grid
    stride: Grid

    @property
    def padding(self) -> Grid:
        return tuple(k // 2 for k in self.kernel)

    @property
    def is_identity(self) -> bool:
        """Whether window and step are one token."""
        return set(self.kernel) == set(self.stride) == {1}

    @classmethod
    def covering(cls, stride: Grid) -> "Pooling":
        """The pooling whose window is one token larger than the stride where that is above 1."""
        return cls(tuple(s + 1 if s > 1 else 1 for s in stride), stride)

    def grid_after(self, grid: Grid) -> Grid:
        """The grid that the pooling leaves of a grid."""
        return tuple(
            (size + 2 * p - k) // s + 1
            for size, p, k, s in zip(grid, self.padding, self.kernel, self.stride, strict=True)
        )


def on_grid(layer: nn.Module, tokens: Tensor, grid: Grid, has_class: bool) -> tuple[Tensor, Grid]:
    """Applies a layer for maps (N, C, T, H, W) to tokens. The class token passes by.

    Args:
        layer: a convolution or a pooling that keeps N and C.
        tokens: (N, L, C).
        grid: T, H, W of the tokens.
        has_class: whether the first token is a class token.

    Returns:
        The tokens, and their new grid.
    """
    first, rest = tokens[:, :1], tokens[:, 1:] if has_class else tokens
    maps = layer(rest.transpose(1, 2).unflatten(2, grid))
    pooled = maps.flatten(2).transpose(1, 2)
    if has_class:
        pooled = torch.cat([first, pooled], dim=1)
    return pooled, tuple(maps.shape[2:])
