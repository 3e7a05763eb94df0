"""The worker processes of a loader: how they start, and what they do with signals and memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

import cv2
import torch

from slowfast.ak.run.allocator import keep_some_freed_memory


@contextmanager
def signals_held_back(context: BaseContext | None = None) -> Iterator[None]:
    """Delays SIGINT and SIGTERM until workers are started, and makes workers ignore both.

    If a Ctrl-C comes during a fork, Python prints it and forgets it, and the run continues. Workers
    inherit the block of both signals in all their threads; they end with the run.

    Args:
        context: what forks or spawns the workers; None: Python's default.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if (context or multiprocessing).get_start_method() != "fork":
        # Otherwise it starts with the first worker, and unblocks the signals.
        resource_tracker.ensure_running()
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    # A signal that is blocked in this thread can still reach Python through another thread.
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda number, frame: received.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for number in received:
        signal.raise_signal(number)


def start_worker(worker: int, parent: int | None = None) -> None:
    """Prepares a worker process: it uses one thread, and keeps its memory.

    Args:
        parent: the process that started the worker. The worker ends when that process ends.
    """
    if parent is not None:
        _end_with(parent)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # no threads besides the worker's own
    keep_some_freed_memory()
    sys.excepthook = _show_unless_stopped


def _end_with(parent: int) -> None:
    """Ends this worker when its parent ends, or when its parent sends SIGTERM, and only then.

    torchrun and batch systems send SIGTERM to all processes of a run. The training process then
    saves its state, and a worker that ended at that moment would be an error. A worker whose parent
    is killed while it starts would not notice, and would wait for ever.
    """
    if not hasattr(signal, "sigtimedwait"):
        return

    def wait() -> None:
        while os.getppid() == parent:
            received = signal.sigtimedwait({signal.SIGTERM}, 1)
            if received and received.si_pid == parent:
                break
        os._exit(0)

    threading.Thread(target=wait, name="end with the parent", daemon=True).start()


def _show_unless_stopped(kind: type[BaseException], *error: Any) -> None:
    """Shows a worker's error, unless the run was stopped while the worker sent a batch."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, *error)
