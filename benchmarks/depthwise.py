"""What X3D-L's convolutions channel by channel cost on a CPU, PyTorch's way and ours.

    python benchmarks/depthwise.py --clips 2 --threads 1

For each such layer at crops of 256 pixels: milliseconds of PyTorch's forward pass, of its gradients
of the input and of the weight, and of all three together, PyTorch's and ours, in both layouts of
memory. With one thread it is processor time, which other programs disturb little; else wall time.
Both are the least of some turns.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree that this benchmark is of

import torch
from torch import Tensor, nn

from slowfast.models.depthwise import DepthwiseConv3d

# Channels, side of the input, kernel, stride, and how many layers of X3D-L are like that.
LAYERS = (
    (24, 128, (5, 1, 1), 1, 1),
    (54, 128, (3, 3, 3), 2, 1),
    (54, 64, (3, 3, 3), 1, 4),
    (108, 64, (3, 3, 3), 2, 1),
    (108, 32, (3, 3, 3), 1, 9),
    (216, 32, (3, 3, 3), 2, 1),
    (216, 16, (3, 3, 3), 1, 24),
    (432, 16, (3, 3, 3), 2, 1),
    (432, 8, (3, 3, 3), 1, 14),
)
FRAMES = 8
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last_3d}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.threads == 1 else time.perf_counter
    print("| layer | layers | layout | forward | of input | of weight | all, PyTorch | all, ours |")
    print("|---|---|---|---|---|---|---|---|")
    totals = {layout: [0.0] * 5 for layout in LAYOUTS}
    for channels, side, kernel, stride, count in LAYERS:
        name = f"{channels} x {side} x {side}, {' x '.join(map(str, kernel))}, stride {stride}"
        for layout, memory_format in LAYOUTS.items():
            theirs = nn.Conv3d(
                channels,
                channels,
                kernel,
                stride=(1, stride, stride),
                padding=[k // 2 for k in kernel],
                groups=channels,
                bias=False,
            ).to(memory_format=memory_format)
            x = torch.randn(args.clips, channels, FRAMES, side, side)
            jobs = _jobs(theirs, x.to(memory_format=memory_format).requires_grad_())
            taken = [_least(job, args.turns, clock) for job in jobs]
            sums = zip(totals[layout], taken, strict=True)
            totals[layout] = [total + count * value for total, value in sums]
            print(f"| {name} | {count} | {layout} | {_cells(taken)} |", flush=True)
    for layout, taken in totals.items():
        print(
            f"| all of X3D-L | {sum(layer[-1] for layer in LAYERS)} | {layout} | {_cells(taken)} |"
        )
    return 0


def _jobs(theirs: nn.Conv3d, x: Tensor) -> list[Callable[[], object]]:
    """In the order of the columns."""
    ours = DepthwiseConv3d.sharing(theirs)
    out = theirs(x)
    grad = torch.randn_like(out)

    def backward(to: Tensor) -> object:
        return torch.autograd.grad(out, to, grad, retain_graph=True)

    def all_of(layer: nn.Module) -> object:
        return torch.autograd.grad(layer(x), (x, theirs.weight), grad)

    return [
        lambda: theirs(x),
        lambda: backward(x),
        lambda: backward(theirs.weight),
        lambda: all_of(theirs),
        lambda: all_of(ours),
    ]


def _least(job: Callable[[], object], turns: int, clock: Callable[[], float]) -> float:
    job()
    taken = []
    for _ in range(turns):
        begin = clock()
        job()
        taken.append(clock() - begin)
    return min(taken)


def _cells(seconds: list[float]) -> str:
    return " | ".join(f"{1000 * value:.1f}" for value in seconds)


if __name__ == "__main__":
    sys.exit(main())
