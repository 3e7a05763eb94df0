"""Decomposed relative positions of attention (Li et al., "MViTv2", CVPR 2022, section 4.1).

The attention of query i to key j gets the term q_i . (R_t + R_h + R_w), where R_t is the row of a
learned table for the distance of i and j in time, R_h and R_w those for height and width. Queries
and keys can lie on grids of different sizes. Distances are then counted on the finer of the two.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from slowfast.models.transformer.tokens import Grid

AXES = ("t", "h", "w")
_ALIGNMENT = 8  # attention kernels take channels in multiples of this number


def table_length(queries: int, keys: int) -> int:
    """The number of distances between queries and keys along one axis."""
    return 2 * max(queries, keys) - 1


def rows(table: Tensor, queries: int, keys: int) -> Tensor:
    """The row of a table for each query and key of one axis.

    A table of another length is interpolated linearly.

    Args:
        table: (distances, C).
        queries, keys: their numbers along the axis.

    Returns:
        (queries, keys, C).
    """
    length = table_length(queries, keys)
    if len(table) != length:
        table = F.interpolate(table.T[None], length, mode="linear")[0].T
    query_step, key_step = max(keys / queries, 1.0), max(queries / keys, 1.0)
    places = torch.arange(queries, device=table.device)[:, None] * query_step
    distances = places - torch.arange(keys, device=table.device) * key_step
    return table[(distances + (keys - 1) * key_step).long()]


def terms(q: Tensor, grid: Grid, key_grid: Grid, tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The terms of each query, by axis.

    Args:
        q: queries (N, heads, T * H * W, C), without a class token.
        grid, key_grid: the grids of queries and keys.
        tables: the learned tables of some axes, by a name in `AXES`.

    Returns:
        (N, heads, T * H * W, keys along the axis) for each axis with a table.
    """
    q = q.unflatten(2, grid)
    found = {}
    for axis, table in tables.items():
        number = AXES.index(axis)
        chosen = rows(table, grid[number], key_grid[number]).to(q.dtype)
        found[axis] = torch.einsum(f"nathwc,{axis}kc->nathwk", q, chosen).flatten(2, 4)
    return found


def places(axis: str, grid: Grid, like: Tensor) -> Tensor:
    """The place of each key along an axis, one-hot: (T * H * W, keys along the axis)."""
    number = AXES.index(axis)
    shape = [1, 1, 1, grid[number]]
    shape[number] = grid[number]
    one_hot = torch.eye(grid[number], dtype=like.dtype, device=like.device).view(shape)
    return one_hot.expand(*grid, -1).flatten(0, 2)


def extended(
    q: Tensor, k: Tensor, grid: Grid, key_grid: Grid, tables: Mapping[str, Tensor], scale: float
) -> tuple[Tensor, Tensor]:
    """Queries and keys whose product is the scaled attention with relative positions.

    The terms of a query are appended to it as channels. The one-hot places of a key are appended to
    the key, so that the product picks the terms of the key's place. No matrix of queries by keys is
    needed, and any attention kernel serves.

    Args:
        q, k: (N, heads, L, C). If L is one more than a grid has places, the first is a class
            token, which has no position.
        grid, key_grid: the grids of queries and keys.
        tables: as in `terms`.
        scale: the factor on the product of queries and keys without positions.

    Returns:
        Queries and keys with more channels, zeros at the end. Their product needs no factor.
    """
    has_class = q.shape[2] > grid[0] * grid[1] * grid[2]
    of_queries = terms(q[:, :, 1:] if has_class else q, grid, key_grid, tables)
    of_keys = torch.cat([places(axis, key_grid, k) for axis in tables], dim=1)
    more_q = torch.cat(list(of_queries.values()), dim=-1)
    if has_class:
        more_q, of_keys = F.pad(more_q, (0, 0, 1, 0)), F.pad(of_keys, (0, 0, 1, 0))
    more_k = of_keys.expand(*k.shape[:2], -1, -1)
    q, k = torch.cat([q * scale, more_q], dim=-1), torch.cat([k, more_k], dim=-1)
    missing = -q.shape[-1] % _ALIGNMENT
    return F.pad(q, (0, missing)), F.pad(k, (0, missing))
