"""Measures the parts of a step's time, on a CPU and on a GPU.

On a GPU the marks are events in its queue, which are read after the step. So the measurement adds
no wait to the step.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

PARTS = ("data", "forward", "backward", "optimizer")


class Clock:
    """Sums the seconds between marks; each mark has the name of the part that it ends."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, Any]] = []

    def start(self) -> None:
        """Begins a step, after the device has finished its work."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._marks = []
        self.mark("")

    def mark(self, part: str) -> None:
        """Ends a part, which began at the last mark."""
        if self._device.type == "cuda":
            now = torch.cuda.Event(enable_timing=True)
            now.record()
        else:
            now = time.perf_counter()
        self._marks.append((part, now))

    def read(self) -> dict[str, float]:
        """Returns the seconds of each part since `start`."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        seconds = dict.fromkeys(PARTS, 0.0)
        for (_, begin), (part, end) in zip(self._marks, self._marks[1:], strict=False):
            if isinstance(begin, float):
                seconds[part] += end - begin
            else:
                seconds[part] += begin.elapsed_time(end) / 1000
        return seconds


class MarkedNetwork(nn.Module):
    """A network with marks around its forward pass.

    With SOLVER.ACCUMULATE_STEPS, the time before a forward pass belongs to the backward pass of the
    previous part of the batch.
    """

    def __init__(self, network: nn.Module, clock: Clock) -> None:
        super().__init__()
        self.network, self._clock = network, clock

    def forward(self, inputs: list[Tensor]) -> Tensor:
        self._clock.mark("backward")
        scores = self.network(inputs)
        self._clock.mark("forward")
        return scores


class MarkedScaler(torch.amp.GradScaler):
    """A gradient scaler that marks the end of the backward pass, because it is called next."""

    def __init__(self, scaler: torch.amp.GradScaler, clock: Clock) -> None:
        super().__init__(scaler._device, enabled=scaler.is_enabled())
        self._clock = clock

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        self._clock.mark("backward")
        super().unscale_(optimizer)


def over_and_over(batches: Iterable[Any]) -> Iterator[Any]:
    """Yields the batches of a loader again and again."""
    while True:
        yield from batches
