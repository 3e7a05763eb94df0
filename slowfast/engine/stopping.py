"""Requests to stop a run: it saves its state and ends.

Schedulers send SIGTERM before they take a machine away; Ctrl-C sends SIGINT. The handler only
records the signal. Between two steps the training loop checks for it, agrees with the other
processes, and saves. A second Ctrl-C ends the process at once, without saving.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType

import torch

from slowfast.utils import distributed
from slowfast.utils.processes.launch import Stopped

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequests:
    """A context that catches SIGTERM and SIGINT in the main thread.

    A signal that the process was started to ignore stays ignored.

    Attributes:
        asked: whether a signal has arrived.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            caught = [n for n in _SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, None)]
            self._before = {number: signal.signal(number, self._on_signal) for number in caught}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked and distributed.is_master_proc():
            hint = "; a second Ctrl-C ends it at once" if number == signal.SIGINT else ""
            text = f"\n{signal.Signals(number).name}: saving the state of the run{hint}.\n"
            # Not through the log: the signal may have interrupted a line of it.
            with suppress(OSError):
                os.write(2, text.encode())
        self.asked = True

    def stop_if_asked(self, device: torch.device) -> None:
        """Raises Stopped in all processes if one of them was asked to stop.

        The caller makes sure that nothing is lost: the last work is saved or can be repeated.

        Args:
            device: as for `agree`.
        """
        if any(agree(device, self.asked)):
            raise Stopped


def agree(device: torch.device, *requests: bool) -> list[bool]:
    """Returns for each request whether any process makes it. All processes call this together.

    Args:
        device: a device that the processes' backend supports.
    """
    if distributed.get_world_size() == 1:
        return list(requests)
    (counts,) = distributed.all_reduce([torch.tensor(requests, device=device, dtype=torch.float32)])
    return (counts > 0).tolist()
