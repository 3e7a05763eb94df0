"""The processes of a run on one machine: started, watched, and ended together.

Notable: when one fails, the others are ended within seconds, and the error that came first is the
one that is told, not what its end did to others. No process outlives the one that started it. A
signal to the parent reaches all as SIGTERM; a Ctrl-C they do not hear, since a terminal sends it to
the parent as well.
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

# Exit status of a run that was asked to stop and can be taken up again: EX_TEMPFAIL of sysexits.h.
EXIT_STOPPED = 75

# An option -W of Python, which the process that keeps track of shared objects is started with.
_QUIET_TRACKER = "ignore:resource_tracker:UserWarning"
# Seconds between two looks at the processes: forks of a process may hide its end from a wait.
_LOOK = 0.25
# Seconds that the others have after a failure to end by themselves, and to say what they saw.
_GRACE = 3.0


class Stopped(Exception):
    """The run was asked to stop, and has saved what it takes to go on."""


class WorkerError(RuntimeError):
    """A process of the run failed; the text ends with its traceback."""


class _Failure(NamedTuple):
    """Failures sort by what is to be told: a cause before what it did to others, then by time."""

    is_aftermath: bool
    when: float
    rank: int
    is_user_error: bool
    text: str
    by_signal: int = 0


def run_together(
    count: int, function: Callable[..., None], *args: Any, daemon: bool = False
) -> None:
    """Runs ``function(number, *args)`` in ``count`` new processes, and waits for all of them.

    Args:
        function: importable, since new processes import it.
        daemon: whether the processes are daemons, which can have no loader's workers.

    Raises:
        UserError: a process raised one; its text.
        WorkerError: a process failed otherwise; its traceback, or how it ended.
        Stopped: all have ended, and at least one of them with this.
        KeyboardInterrupt: this process was interrupted, twice or while none could save anything.
    """
    # What killed processes shared is given back for them; that need not be told below the error.
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
    with _signals_heard() as heard:
        try:
            with _ignoring_interrupts():
                for process in processes:
                    process.start()
            for _, sender in pipes:
                sender.close()
            failures = _watch(processes, [receiver for receiver, _ in pipes], heard)
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
    if heard.count(signal.SIGINT) > 1:
        raise KeyboardInterrupt
    if failures:
        first = min(failures)
        if heard and first.by_signal == signal.SIGTERM:
            signal.raise_signal(heard[0])  # nothing was there to save: it does here what it does
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
    """A process of the run. It tells of its failure before others can notice that it is gone."""
    end_with(parent)
    # Of the loaders' workers: spawned ones, as a spawned process has by default, take seconds each.
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
        # At once: an orderly exit may wait for collectives of processes that wait for this one.
        os._exit(1)


def end_with(parent: int) -> None:
    """Ends this process, hard, within a second of its parent's end."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end with the parent", daemon=True).start()


def _watch(
    processes: list[BaseProcess], receivers: list[Connection], heard: list[int]
) -> list[_Failure]:
    """Waits until all have ended, and ends them where one fails; the failures that they had."""
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
            deadline = time.monotonic() + _GRACE
        if time.monotonic() > deadline or heard.count(signal.SIGINT) > 1:
            killed = running
            for process in running:
                process.kill()
        for _ in heard[passed_on:]:
            passed_on += 1
            for process in running:
                process.terminate()
        connection.wait([process.sentinel for process in running], timeout=_LOOK)


def _failure(number: int, process: BaseProcess, receiver: Connection) -> _Failure | None:
    """What a process has told of its failure, or what its exit status tells."""
    try:
        if receiver.poll():
            return receiver.recv()
    except EOFError:  # it ended, and told nothing
        pass
    if process.exitcode in (None, 0, EXIT_STOPPED):
        return None
    ended, by_signal = f" ended with exit status {process.exitcode}", 0
    if process.exitcode < 0:
        by_signal = -process.exitcode
        ended = f" was ended by {signal.Signals(by_signal).name}{_HINTS.get(by_signal, '')}"
    return _Failure(False, time.time(), number, False, ended, by_signal)


_HINTS = {
    signal.SIGKILL: "; the machine may have run out of memory (`dmesg` tells). The same "
    "command goes on from the last checkpoint",
    signal.SIGABRT: "; what it printed above says why (NCCL ends a process so whose peers are "
    "gone, or have kept it waiting for DIST_TIMEOUT)",
    signal.SIGBUS: "; the memory that processes share may be too small (/dev/shm)",
}


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _signals_heard() -> Iterator[list[int]]:
    """The signals to end that come meanwhile; none is heard where this thread cannot, or where
    whoever started this process has it ignore them."""
    heard: list[int] = []
    before = {}
    if _in_main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """New processes inherit that they ignore Ctrl-C."""
    if not _in_main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
