"""Measures X3D-L's depthwise convolutions: PyTorch's layer, and the layer of this project.

    python benchmarks/depthwise.py --clips 2 --threads 1

For each kind of layer, at crops of 256 pixels and in both layouts of memory, the table has the
milliseconds of PyTorch's forward pass, of its gradient of the input, of its gradient of the weight,
and of all three together by PyTorch and by this project. Each figure is the least of several turns.
With one thread on a CPU it is processor time, which other programs disturb little; else it is wall
time.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this project

import torch
from torch import Tensor, nn

from slowfast.models.layers.depthwise import DepthwiseConv3d

# Channels, side of the input, kernel, stride, and the number of such layers in X3D-L.
Layer = tuple[int, int, tuple[int, int, int], int, int]
LAYERS: tuple[Layer, ...] = (
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
    parser.add_argument("--cuda", action="store_true", help="on the GPU instead of the CPU")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if args.cuda else "cpu")
    for line in table(LAYERS, args.clips, args.turns, device):
        print(line, flush=True)
    return 0


def table(layers: Sequence[Layer], clips: int, turns: int, device: torch.device) -> Iterator[str]:
    """Yields the lines of the table, in Markdown, each as soon as it is measured."""
    yield "| layer | layers | layout | forward | of input | of weight | all, PyTorch | all, ours |"
    yield "|---|---|---|---|---|---|---|---|"
    totals = {layout: [0.0] * 5 for layout in LAYOUTS}
    for channels, side, kernel, stride, count in layers:
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
                device=device,
            ).to(memory_format=memory_format)
            x = torch.randn(clips, channels, FRAMES, side, side, device=device)
            jobs = _jobs(theirs, x.to(memory_format=memory_format).requires_grad_())
            taken = [_least(job, turns, device) for job in jobs]
            sums = zip(totals[layout], taken, strict=True)
            totals[layout] = [total + count * value for total, value in sums]
            yield f"| {name} | {count} | {layout} | {_cells(taken)} |"
    number = sum(layer[-1] for layer in layers)
    for layout, taken in totals.items():
        yield f"| together | {number} | {layout} | {_cells(taken)} |"


def _jobs(theirs: nn.Conv3d, x: Tensor) -> list[Callable[[], object]]:
    """Returns the jobs that are measured, in the order of the columns."""
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


def _least(job: Callable[[], object], turns: int, device: torch.device) -> float:
    """Returns the seconds of the fastest turn; a first turn does not count."""
    on_cpu = device.type == "cpu"
    clock = time.process_time if on_cpu and torch.get_num_threads() == 1 else time.perf_counter
    wait = (lambda: None) if on_cpu else torch.cuda.synchronize
    job()
    wait()
    taken = []
    for _ in range(turns):
        begin = clock()
        job()
        wait()
        taken.append(clock() - begin)
    return min(taken)


def _cells(seconds: list[float]) -> str:
    return " | ".join(f"{1000 * value:.1f}" for value in seconds)


if __name__ == "__main__":
    sys.exit(main())
