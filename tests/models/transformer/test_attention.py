"""Attention agrees with its formula, written out place by place."""

import itertools

import pytest
import torch

from slowfast.models.transformer.attention import Attention, AttentionSpec
from slowfast.models.transformer.relative_positions import rows
from slowfast.models.transformer.tokens import Pooling

GRID = (2, 4, 4)
POOL_Q = Pooling((3, 3, 3), (1, 2, 2))
POOL_KV = Pooling((3, 3, 3), (1, 4, 4))
VARIANTS = {
    "vit": {},
    "mvit": {"pool_q": POOL_Q, "pool_kv": POOL_KV},
    "mvit without bias, separate": {"pool_kv": POOL_KV, "qkv_bias": False, "separate_qkv": True},
    "mvitv2": {"pool_q": POOL_Q, "pool_kv": POOL_KV, "relative": "hwt", "residual_pooling": True},
    "more keys than queries": {"pool_q": POOL_KV, "pool_kv": POOL_Q, "relative": "hw"},
}


def drawn(spec: AttentionSpec) -> Attention:
    torch.manual_seed(0)
    attention = Attention(spec).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return attention


def places(grid):
    return list(itertools.product(*map(range, grid)))


def written_out(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """The formula: softmax(q k / sqrt(d) + q r) v, with r by the distance of the places."""
    spec, own = layer.spec, dict(layer.named_parameters())
    grids, projected = {}, {}
    for number, name in enumerate("qkv"):
        if spec.separate_qkv:
            weight, bias = own[f"{name}.weight"], own.get(f"{name}.bias", 0)
        else:
            part = slice(number * spec.channels, (number + 1) * spec.channels)
            weight, bias = own["qkv.weight"][part], own["qkv.bias"][part]
        by_head = (x @ weight.T + bias).unflatten(-1, (spec.heads, -1)).transpose(1, 2)
        pooling = spec.pool_q if name == "q" else spec.pool_kv
        grids[name] = GRID
        if pooling:
            first, rest = by_head.split([int(spec.has_class), by_head.shape[2] - spec.has_class], 2)
            maps = rest.flatten(0, 1).transpose(1, 2).unflatten(2, GRID)
            maps = getattr(layer, f"pool_{name}")(maps)
            grids[name] = tuple(maps.shape[2:])
            rest = maps.flatten(2).transpose(1, 2).unflatten(0, by_head.shape[:2])
            by_head = getattr(layer, f"norm_{name}")(torch.cat([first, rest], dim=2))
        projected[name] = by_head
    q, k, v = projected.values()
    similarity = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    for i, place_q in enumerate(places(grids["q"]), start=int(spec.has_class)):
        for j, place_k in enumerate(places(grids["k"]), start=int(spec.has_class)):
            for axis in spec.relative:
                n = "thw".index(axis)
                sizes = grids["q"][n], grids["k"][n]
                finer = max(sizes)
                distance = place_q[n] * finer / sizes[0] - place_k[n] * finer / sizes[1]
                start = (sizes[1] - 1) * finer / sizes[1]
                row = own[f"rel_pos_{axis}"][int(distance + start)]
                similarity[:, :, i, j] += q[:, :, i] @ row
    y = similarity.softmax(dim=-1) @ v
    if spec.residual_pooling:
        y[:, :, int(spec.has_class) :] += q[:, :, int(spec.has_class) :]
    return y.transpose(1, 2).flatten(2) @ own["proj.weight"].T + own["proj.bias"]


@pytest.mark.parametrize("has_class", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_attention_is_its_formula(variant, has_class):
    spec = AttentionSpec(8, 16, 2, GRID, has_class=has_class, **VARIANTS[variant])
    layer = drawn(spec)
    x = torch.randn(2, has_class + 32, 8, dtype=torch.float64)
    with torch.no_grad():
        y, grid = layer(x, GRID)
        torch.testing.assert_close(y, written_out(layer, x), rtol=1e-9, atol=1e-9)
    after = {"mvit": (2, 2, 2), "mvitv2": (2, 2, 2), "more keys than queries": (2, 1, 1)}
    assert grid == after.get(variant, GRID)
    assert y.shape[1] == has_class + grid[0] * grid[1] * grid[2]


def test_no_matrix_of_queries_by_keys_is_kept_for_relative_positions():
    """The memory of attention grows with queries plus keys, not with their product."""
    grid = (4, 16, 16)
    layer = drawn(AttentionSpec(8, 8, 1, grid, relative="hwt")).float()
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: sizes.append(x.numel()) or x, lambda x: x
    ):
        layer(torch.randn(1, 1024, 8), grid)
    assert max(sizes) < 1024 * 1024 / 8


def test_a_table_of_another_length_is_interpolated():
    table = torch.arange(5.0)[:, None]
    assert rows(table, 3, 3)[:, :, 0].tolist() == [[2, 1, 0], [3, 2, 1], [4, 3, 2]]
    # Twice as many keys as queries: a query is one key and a half from the next.
    wider = rows(torch.arange(11.0)[:, None], 3, 6)[:, :, 0]
    assert wider.tolist() == [[5, 4, 3, 2, 1, 0], [7, 6, 5, 4, 3, 2], [9, 8, 7, 6, 5, 4]]
    stretched = rows(table, 6, 6)[:, 0, 0]
    assert stretched[-1] == 4
    assert (stretched.diff() > 0).all()
