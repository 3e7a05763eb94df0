"""Calls that may hang, as a read from a dead file server does, given up after some time.

A thread that waits inside the system cannot be stopped. The call is therefore made in a second
thread, and that one is left behind where it does not come back; a new one takes its place. The
call must take it that a left one may still run beside the next.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any


class TimeIsUp(Exception):
    """A call did not return in time; it may still be running."""


class TimeLimit:
    """Makes calls one at a time, each in at most so many seconds; 0: no limit, and no thread.

    It may be pickled, and inherited by a fork: each process has a thread of its own, from its first
    call on.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._process: int | None = None

    def __reduce__(self) -> tuple:
        return TimeLimit, (self.seconds,)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What `function(*args)` returns or raises; raises TimeIsUp where it does not in time."""
        if not self.seconds:
            return function(*args)
        if self._process != os.getpid():
            self._start_thread()
        self._calls.put((function, args))
        try:
            result, error = self._results.get(timeout=self.seconds)
        except BaseException as interruption:  # be it Ctrl-C: a late result is no later call's
            self._leave_thread()
            self._process = None
            if isinstance(interruption, Empty):
                raise TimeIsUp from None
            raise
        if error is not None:
            raise error
        return result

    def _start_thread(self) -> None:
        self._calls, self._results = SimpleQueue(), SimpleQueue()
        self._leave_thread = weakref.finalize(self, self._calls.put, None)
        Thread(target=_serve, args=(self._calls, self._results), daemon=True).start()
        self._process = os.getpid()


def _serve(calls: SimpleQueue, results: SimpleQueue) -> None:
    """Makes one call after the other, until None comes."""
    while call := calls.get():
        function, args = call
        try:
            outcome = function(*args), None
        except BaseException as error:
            outcome = None, error
        results.put(outcome)
        del call, function, args, outcome  # a clip, or a traceback, is not kept until the next
