"""A run that is asked to stop saves where it is and leaves.

SIGTERM is how schedulers announce that a machine is taken away, SIGINT is a Ctrl-C. Notable: the
handler only takes note. Where the run is in one piece, between two steps, the loop asks, agrees
with the other processes and saves. A second Ctrl-C leaves at once, without saving.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType

import torch

from slowfast.utils import distributed
from slowfast.utils.launch import Stopped

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequests:
    """Catches the signals that ask a run to stop, as a context: in the main thread of a process,
    and none that this process was started to ignore.

    Attributes:
        asked: whether one has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            heard = [n for n in _SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, None)]
            self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked and distributed.is_master_proc():
            again = "; a second Ctrl-C leaves at once" if number == signal.SIGINT else ""
            words = f"\n{signal.Signals(number).name}: saving where the run is{again}.\n"
            # Not the log: what the signal broke into may be writing a line of it.
            with suppress(OSError):
                os.write(2, words.encode())
        self.asked = True

    def leave_together(self, device: torch.device) -> None:
        """Raises Stopped, in all processes, where one has been asked. What they did last is saved,
        or can be done again.

        Args:
            device: as of `agree`.
        """
        if any(agree(device, self.asked)):
            raise Stopped


def agree(device: torch.device, *wishes: bool) -> list[bool]:
    """For each of some wishes whether any process has it; all of them ask together.

    Args:
        device: one that the processes' backend works on.
    """
    if distributed.get_world_size() == 1:
        return list(wishes)
    (votes,) = distributed.all_reduce([torch.tensor(wishes, device=device, dtype=torch.float32)])
    return (votes > 0).tolist()
