"""How far a loop may run ahead of the device that it feeds, and whether the device has work left.

Notable: a GPU is handed its work and does it later. Unless the loop waits for it here, it waits
somewhere else, and the times of its iterations say nothing: those that only queue work look short,
the one that reads a loss looks long, and a loop that has run ahead seems to wait for clips while
the device is still busy with the last ones.
"""

from collections import deque

import torch


class DeviceQueue:
    """The steps that a device has been given and has not finished; a CPU finishes each at once.

    Args:
        device: where the steps are computed.
        depth: steps that may be unfinished. Two keep a GPU busy while the next is prepared.
    """

    def __init__(self, device: torch.device, depth: int = 2) -> None:
        self._is_queued = device.type == "cuda"
        self._depth = depth
        self._ends: deque[torch.cuda.Event] = deque()

    def add(self) -> None:
        """Takes note that a step ends here, and waits until no more than `depth` are unfinished."""
        if self._is_queued:
            # A blocking event lets the core go that the waiting would take from the workers.
            end = torch.cuda.Event(blocking=True)
            end.record()
            self._ends.append(end)
            if len(self._ends) > self._depth:
                self._ends.popleft().synchronize()

    def is_idle(self) -> bool:
        """Whether the device has finished all steps, so that it waits for the next one."""
        return all(end.query() for end in self._ends)
