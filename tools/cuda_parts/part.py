"""The interface of a part of the check."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.step_parts import scores
from benchmarks.step_parts.settings import Overrides

ROOT = Path(__file__).resolve().parents[2]

# Yields lines of Markdown for the part's own section, and returns one sentence for the table.
Findings = Generator[str, None, str]


class Failed(Exception):
    """The part found something that is wrong; the text says what."""


@dataclass(frozen=True)
class Work:
    """Where a part runs.

    Attributes:
        device: "cuda"; or "cpu", which is the rehearsal with tiny networks.
        folder: an existing folder for everything that parts write.
    """

    device: str
    folder: Path

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def patience(self) -> int:
        """Returns the factor for all time limits: a CPU can be slow and busy."""
        return 1 if self.on_gpu else 5

    def demo(self) -> Overrides:
        """Returns the keys of the demo data, which are drawn if missing, and of the device."""
        size = "standard" if self.on_gpu else "small"
        places = scores.draw_clips(self.folder / f"demo-{size}", size)
        return places | {"NUM_GPUS": int(self.on_gpu), "DATA_LOADER.NUM_WORKERS": 2 * self.on_gpu}


@dataclass(frozen=True)
class Part:
    """A part of the check.

    Attributes:
        name: one word for the command line.
        title: one line that says what the part shows.
        seconds: the time limit on one GPU.
        run: runs the part; raises `Failed`, or any other error, if something is wrong.
    """

    name: str
    title: str
    seconds: int
    run: Callable[[Work], Findings]


def largest_difference(one: list[float], other: list[float]) -> float:
    """Returns the largest |a - b| / |b| over two lists of losses of the same length."""
    a, b = torch.tensor(one), torch.tensor(other)
    return float(((a - b).abs() / b.abs()).max())
