"""Absolute positions of tokens: learned tables at other sizes, and fixed sines and cosines.

Tables are made for the grid of the training clips. For another grid they are interpolated: bicubic
over height and width, linear over time. Published weights are carried to other sizes in this way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from slowfast.models.transformer.tokens import Grid


def spatial_at(table: Tensor, made_for: Grid, grid: Grid) -> Tensor:
    """A table (1, H * W, C) of a grid, as a table of another grid."""
    if made_for[1:] == grid[1:]:
        return table
    maps = table.transpose(1, 2).unflatten(2, made_for[1:])
    return F.interpolate(maps, grid[1:], mode="bicubic").flatten(2).transpose(1, 2)


def temporal_at(table: Tensor, made_for: Grid, grid: Grid) -> Tensor:
    """A table (1, T, C) of a grid, as a table of another grid."""
    if made_for[0] == grid[0]:
        return table
    return F.interpolate(table.transpose(1, 2), grid[0], mode="linear").transpose(1, 2)


def joint_at(table: Tensor, made_for: Grid, grid: Grid) -> Tensor:
    """A table (1, T * H * W, C) of a grid, as a table of another grid."""
    if made_for == grid:
        return table
    channels = table.shape[-1]
    frames = table.unflatten(1, (made_for[0], -1))[0]  # (T, H * W, C)
    frames = spatial_at(frames, made_for, grid)
    columns = frames.transpose(0, 1)  # (H * W, T, C)
    return temporal_at(columns, made_for, grid).transpose(0, 1).reshape(1, -1, channels)


def separate(spatial: Tensor, temporal: Tensor) -> Tensor:
    """Sums of tables (1, H * W, C) and (1, T, C) for all places: (1, T * H * W, C)."""
    return (temporal[:, :, None] + spatial[:, None]).flatten(1, 2)


def sines(channels: int, grid: Grid) -> Tensor:
    """Fixed positions (1, T * H * W, channels).

    A quarter of the channels tells the time. The rest tells width, then height, half each. A part
    of D channels at place x is sin(x w) and then cos(x w), with D / 2 frequencies
    w = 10000 ** (-2 i / D) (Vaswani et al., "Attention Is All You Need", 2017; with three axes as
    in Feichtenhofer et al., "Masked Autoencoders As Spatiotemporal Learners", 2022).

    Args:
        channels: a multiple of 16.
    """
    for_time = channels // 4
    for_side = (channels - for_time) // 2
    time, height, width = (torch.arange(size, dtype=torch.float64) for size in grid)
    parts = [
        _waves(time, for_time)[:, None, None].expand(*grid, -1),
        _waves(width, for_side)[None, None, :].expand(*grid, -1),
        _waves(height, for_side)[None, :, None].expand(*grid, -1),
    ]
    return torch.cat(parts, dim=-1).flatten(0, 2)[None].float()


def _waves(places: Tensor, channels: int) -> Tensor:
    half = channels // 2
    frequencies = 10000 ** -(torch.arange(half, dtype=places.dtype) / half)
    angles = places[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
