"""Where the time of a step goes, on a CPU and on a GPU.

Notable: on a GPU the marks are events in its own queue, read when the step is over, so that timing
makes nothing wait that would not wait in training.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

PARTS = ("data", "forward", "backward", "optimizer")


class Clock:
    """Adds up the seconds between marks, each under the name of the part that it ends."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, Any]] = []

    def start(self) -> None:
        """Begins a step; what the device still does is waited for."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._marks = []
        self.mark("")

    def mark(self, part: str) -> None:
        """What was done since the last mark was this part."""
        if self._device.type == "cuda":
            now = torch.cuda.Event(enable_timing=True)
            now.record()
        else:
            now = time.perf_counter()
        self._marks.append((part, now))

    def read(self) -> dict[str, float]:
        """Seconds of each part since `start`."""
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
    """A network whose forward pass is marked. What comes before, if not data, is of a backward
    pass: that of the part of the batch before this one."""

    def __init__(self, network: nn.Module, clock: Clock) -> None:
        super().__init__()
        self.network, self._clock = network, clock

    def forward(self, inputs: list[Tensor]) -> Tensor:
        self._clock.mark("backward")
        scores = self.network(inputs)
        self._clock.mark("forward")
        return scores


class MarkedScaler(torch.amp.GradScaler):
    """A gradient scaler that marks the end of the backward pass, after which it is asked first."""

    def __init__(self, scaler: torch.amp.GradScaler, clock: Clock) -> None:
        super().__init__(scaler._device, enabled=scaler.is_enabled())
        self._clock = clock

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        self._clock.mark("backward")
        super().unscale_(optimizer)


def over_and_over(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches of a loader, without end."""
    while True:
        yield from batches
