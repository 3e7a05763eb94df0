"""Measures forms of attention with relative positions, and what reversible networks keep.

    python benchmarks/attention.py --clips 2 --threads 1

The first table has, for layers of published networks, the milliseconds of a forward pass, and of a
forward and a backward pass, and the MB that are kept for the backward pass. Each time is the median
of several turns; with one thread it is processor time, which other programs disturb little. The
second table has what MViT and its reversible form keep for a clip of 16 frames and 224 pixels.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this project

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.config.defaults import get_cfg
from slowfast.models import MODEL_REGISTRY
from slowfast.models.transformer import relative_positions
from slowfast.models.transformer.tokens import Grid

# Name, heads, channels of a head, grids of queries and keys, and whether positions are relative.
LAYERS = (
    ("MViTv2-S, block 0", 1, 96, (8, 56, 56), (8, 7, 7), True),
    ("MViTv2-S, block 4", 4, 96, (8, 14, 14), (8, 7, 7), True),
    ("MViT-B, block 0", 1, 96, (8, 56, 56), (8, 7, 7), False),
    ("ViT-B, all blocks", 12, 64, (8, 14, 14), (8, 14, 14), False),
)
DEPTHS = (4, 8, 16)

Tables = dict[str, Tensor]
Form = Callable[[Tensor, Tensor, Tensor, Grid, Grid, Tables], Tensor]


def written_out(q: Tensor, k: Tensor, v: Tensor, grid: Grid, keys: Grid, tables: Tables) -> Tensor:
    """The formula with a matrix of queries by keys."""
    similarity = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if tables:
        similarity = similarity + _matrix(q, grid, keys, tables)
    return similarity.softmax(dim=-1) @ v


def with_mask(q: Tensor, k: Tensor, v: Tensor, grid: Grid, keys: Grid, tables: Tables) -> Tensor:
    """PyTorch's attention, to which positions are given as a matrix."""
    matrix = _matrix(q, grid, keys, tables) if tables else None
    return F.scaled_dot_product_attention(q, k, v, attn_mask=matrix)


def with_channels(
    q: Tensor, k: Tensor, v: Tensor, grid: Grid, keys: Grid, tables: Tables
) -> Tensor:
    """PyTorch's attention, to which positions are given as channels, as in the networks here."""
    channels = v.shape[-1]
    scale = channels**-0.5
    if tables:
        q, k = relative_positions.extended(q, k, grid, keys, tables, scale)
        v, scale = F.pad(v, (0, q.shape[-1] - channels)), 1.0
    return F.scaled_dot_product_attention(q, k, v, scale=scale)[..., :channels]


FORMS: dict[str, Form] = {
    "written out": written_out,
    "PyTorch's, positions as a matrix": with_mask,
    "PyTorch's, positions as channels": with_channels,
}


def _matrix(q: Tensor, grid: Grid, keys: Grid, tables: Tables) -> Tensor:
    found = relative_positions.terms(q, grid, keys, tables)
    matrix = found["t"][..., :, None, None] + found["h"][..., None, :, None]
    return (matrix + found["w"][..., None, None, :]).flatten(-3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for line in forms(LAYERS, args.clips, args.turns):
        print(line, flush=True)
    print()
    for line in reversible(DEPTHS, frames=16, side=224):
        print(line, flush=True)
    return 0


def forms(layers: tuple, clips: int, turns: int) -> Iterator[str]:
    """Yields the lines of the first table, in Markdown."""
    yield "| layer | form | forward, ms | with backward, ms | kept, MB |"
    yield "|---|---|---|---|---|"
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for name, heads, channels, grid, keys, relative in layers:
        places, of_keys = (heads, grid[0] * grid[1] * grid[2]), (heads, keys[0] * keys[1] * keys[2])
        q = torch.randn(clips, *places, channels, requires_grad=True)
        k, v = (torch.randn(clips, *of_keys, channels, requires_grad=True) for _ in "kv")
        lengths = map(relative_positions.table_length, grid, keys)
        drawn = (torch.randn(length, channels, requires_grad=True) for length in lengths)
        tables = dict(zip("thw", drawn, strict=True)) if relative else {}
        for form, compute in FORMS.items():
            if form != "written out" and not relative and compute is not with_channels:
                continue  # without positions PyTorch's two forms are one
            forward, both = [], []
            for _ in range(turns + 1):
                begin = clock()
                y = compute(q, k, v, grid, keys, tables)
                forward.append(clock() - begin)
                torch.autograd.grad(y.sum(), [q, k, v, *tables.values()])
                both.append(clock() - begin)
            size = kept(lambda: compute(q, k, v, grid, keys, tables))  # noqa: B023 -- called at once
            times = (1000 * statistics.median(each[1:]) for each in (forward, both))
            cells = " | ".join(f"{value:.0f}" for value in (*times, size / 1e6))
            yield f"| {name} | {form if relative else form.partition(',')[0]} | {cells} |"


def reversible(depths: tuple[int, ...], frames: int, side: int) -> Iterator[str]:
    """Yields the lines of the second table, in Markdown."""
    yield "| blocks | ViT, MB | reversible ViT, MB |"
    yield "|---|---|---|"
    for depth in depths:
        sizes = []
        for is_reversible in (False, True):
            model = _vit(depth, is_reversible, frames, side)
            clip = torch.randn(1, 3, frames, side, side)
            sizes.append(kept(lambda: model([clip]), model))  # noqa: B023 -- called at once
        yield f"| {depth} | {sizes[0] / 1e6:.0f} | {sizes[1] / 1e6:.0f} |"


def _vit(depth: int, is_reversible: bool, frames: int, side: int) -> nn.Module:
    """ViT-B for clips, with another number of blocks."""
    cfg = get_cfg()
    settings = {
        "DATA.NUM_FRAMES": frames,
        "DATA.TRAIN_CROP_SIZE": side,
        "MVIT.PATCH_KERNEL": [2, 16, 16],
        "MVIT.PATCH_STRIDE": [2, 16, 16],
        "MVIT.PATCH_PADDING": [0, 0, 0],
        "MVIT.EMBED_DIM": 768,
        "MVIT.NUM_HEADS": 12,
        "MVIT.DEPTH": depth,
        "MVIT.REV.ENABLE": is_reversible,
    }
    cfg.merge_from_list([part for item in settings.items() for part in item])
    return MODEL_REGISTRY["MViT"](cfg).train()


def kept(forward: Callable[[], Tensor], model: nn.Module | None = None) -> int:
    """The bytes that autograd keeps of a forward pass, without parameters."""
    own = {p.data_ptr() for p in model.parameters()} if model else set()
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        output = forward()  # it is kept, so that no storage is used twice
    del output
    return sum(found.values())


if __name__ == "__main__":
    sys.exit(main())
