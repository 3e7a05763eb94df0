"""How far a loop may run ahead of the device that it feeds, and whether the device has work left.

A GPU gets its work queued and does it later. Without a limit, the loop would wait at some other
place, and the times of its iterations would mean nothing: iterations that only queue work look
short, an iteration that reads a loss looks long, and a loop that is far ahead seems to wait for
clips while the device still computes.
"""

from collections import deque

import torch


class DeviceQueue:
    """Counts the steps that a device has not finished. A CPU finishes each step at once.

    Args:
        device: where the steps are computed.
        depth: the most unfinished steps. Two keep a GPU busy while the next is prepared.
    """

    def __init__(self, device: torch.device, depth: int = 2) -> None:
        self._is_queued = device.type == "cuda"
        self._depth = depth
        self._ends: deque[torch.cuda.Event] = deque()

    def add(self) -> None:
        """Marks the end of a step, and waits until at most `depth` steps are unfinished."""
        if self._is_queued:
            # While a blocking event waits, the core is free for the workers.
            end = torch.cuda.Event(blocking=True)
            end.record()
            self._ends.append(end)
            if len(self._ends) > self._depth:
                self._ends.popleft().synchronize()

    def is_idle(self) -> bool:
        """Whether the device has finished all steps, so that it waits for the next one."""
        return all(end.query() for end in self._ends)
