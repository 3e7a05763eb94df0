"""The processes of a run on one machine: they start, are watched, and end together.

If a process fails, the others are ended within seconds, and the first error is reported instead of
its consequences. No process outlives its parent. The parent passes a signal on as SIGTERM. The
processes ignore Ctrl-C, because a terminal sends it to the parent as well.
"""

import logging
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, get_context, get_start_method, set_start_method
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from slowfast.ak.errors import UserError
from slowfast.utils.distributed import LostProcess

# Exit status of a run that was asked to stop and can be resumed: EX_TEMPFAIL in sysexits.h.
EXIT_STOPPED = 75

# An option -W of Python for the process that tracks shared objects.
_QUIET_TRACKER = "ignore:resource_tracker:UserWarning"
# Seconds between two checks of the processes: a fork may hide the end of a process from a wait.
_CHECK_SECONDS = 0.25
# Seconds that the other processes have after a failure to report their errors and end.
_GRACE_SECONDS = 3.0


class Stopped(Exception):
    """The run was asked to stop and has saved its state."""


class WorkerError(RuntimeError):
    """A process of the run failed; the text ends with its traceback."""


class _Failure(NamedTuple):
    """A failure of a process. Causes sort before consequences, and earlier failures first."""

    is_consequence: bool
    when: float
    rank: int
    is_user_error: bool
    text: str
    by_signal: int = 0


def run_together(
    count: int, function: Callable[..., None], *args: Any, daemon: bool = False
) -> None:
    """Runs ``function(number, *args)`` in ``count`` new processes and waits for all of them.

    Args:
        function: a function that new processes can import.
        daemon: whether the processes are daemons, which cannot have loader workers.

    Raises:
        UserError: a process raised a UserError.
        WorkerError: a process failed otherwise; the text is its traceback or its exit status.
        Stopped: all processes have ended, and at least one raised this.
        KeyboardInterrupt: this process was interrupted twice, or once before a state was saved.
    """
    # Python frees the shared objects of killed processes, with a warning that does not help.
    if _QUIET_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(_QUIET_TRACKER)
    context = get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    processes = [
        context.Process(
            target=_work,
            args=(os.getpid(), get_start_method(), sender, number, function, args),
            daemon=daemon,
        )
        for number, (_, sender) in enumerate(pipes)
    ]
    with _recording_signals() as signals:
        try:
            with _ignoring_interrupts():
                for process in processes:
                    process.start()
            for _, sender in pipes:
                sender.close()
            failures = _watch(processes, [receiver for receiver, _ in pipes], signals)
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
    if signals.count(signal.SIGINT) > 1:
        raise KeyboardInterrupt
    if failures:
        first = min(failures)
        if signals and first.by_signal == signal.SIGTERM:
            signal.raise_signal(signals[0])  # no state was saved: the signal has its usual effect
        if first.is_user_error:
            raise UserError(first.text)
        raise WorkerError(f"process {first.rank}{first.text}")
    if any(process.exitcode == EXIT_STOPPED for process in processes):
        raise Stopped


def _work(
    parent: int,
    start_method: str,
    sender: Connection,
    number: int,
    function: Callable[..., None],
    args: tuple,
) -> None:
    """Runs a process, which reports its failure before other processes can notice its end."""
    end_with_parent(parent)
    # For the loaders' workers: the default of a spawned process, spawning, takes seconds each.
    set_start_method(start_method, force=True)
    try:
        function(number, *args)
    except Stopped:
        sys.exit(EXIT_STOPPED)
    except Exception as error:
        known = isinstance(error, UserError)
        text = str(error) if known else f":\n{traceback.format_exc()}"
        sender.send(_Failure(isinstance(error, LostProcess), time.time(), number, known, text))
        logging.shutdown()
        sys.stdout.flush()
        # At once: an orderly exit may wait for collectives with processes that wait for this one.
        os._exit(1)


def end_with_parent(parent: int) -> None:
    """Kills this process within a second after its parent ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end with the parent", daemon=True).start()


def _watch(
    processes: list[BaseProcess], receivers: list[Connection], signals: list[int]
) -> list[_Failure]:
    """Waits until all processes have ended; ends them if one fails. Returns their failures."""
    failures: dict[int, _Failure] = {}
    killed: list[BaseProcess] = []
    passed_on, deadline = 0, math.inf
    while True:
        running = [process for process in processes if process.is_alive()]
        for number, (process, receiver) in enumerate(zip(processes, receivers, strict=True)):
            if number not in failures and process not in killed:
                failure = _failure(number, process, receiver)
                failures.update({number: failure} if failure else {})
        if not running:
            return list(failures.values())
        has_left = any(process.exitcode == EXIT_STOPPED for process in processes)
        if (failures or has_left) and deadline == math.inf:
            deadline = time.monotonic() + _GRACE_SECONDS
        if time.monotonic() > deadline or signals.count(signal.SIGINT) > 1:
            killed = running
            for process in running:
                process.kill()
        for _ in signals[passed_on:]:
            passed_on += 1
            for process in running:
                process.terminate()
        connection.wait([process.sentinel for process in running], timeout=_CHECK_SECONDS)


def _failure(number: int, process: BaseProcess, receiver: Connection) -> _Failure | None:
    """Returns the failure that a process reported or that its exit status shows, or None."""
    try:
        if receiver.poll():
            return receiver.recv()
    except EOFError:  # it ended without a report
        pass
    if process.exitcode in (None, 0, EXIT_STOPPED):
        return None
    ended, by_signal = f" ended with exit status {process.exitcode}", 0
    if process.exitcode < 0:
        by_signal = -process.exitcode
        ended = f" was ended by {signal.Signals(by_signal).name}{_HINTS.get(by_signal, '')}"
    return _Failure(False, time.time(), number, False, ended, by_signal)


_HINTS = {
    signal.SIGKILL: "; the machine may have run out of memory (see `dmesg`). The same "
    "command continues from the last checkpoint",
    signal.SIGABRT: "; its output above shows the cause (NCCL ends a process like this if others "
    "have ended or did not answer within DIST_TIMEOUT)",
    signal.SIGBUS: "; the shared memory may be too small (/dev/shm)",
}


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _recording_signals() -> Iterator[list[int]]:
    """Records SIGINT and SIGTERM in a list instead of obeying them.

    Records nothing outside the main thread, or if the process was started to ignore them.
    """
    signals: list[int] = []
    before = {}
    if _in_main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ignores Ctrl-C, which processes that start meanwhile inherit."""
    if not _in_main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
