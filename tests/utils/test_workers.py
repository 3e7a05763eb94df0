"""Processes of a run end together, and the cause is told."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist

from slowfast.ak.errors import UserError
from slowfast.utils import distributed, workers
from slowfast.utils.workers import Stopped, WorkerError, run_together

ROOT = Path(__file__).parents[2]


def join(number, folder, size=2):
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/meet", size)
    dist.init_process_group("gloo", store=store, rank=number, world_size=size)
    dist.barrier()


def fail(number, folder, how, size=2):
    """The last process fails; the others wait for it."""
    join(number, folder, size=size)
    with distributed.losses_in_words(1):
        if number == size - 1:
            if how == "in words":
                raise UserError("the list has no clips")
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "left":
                sys.exit(3)
            if how == "long":
                raise ZeroDivisionError("one by nothing" * 10_000)
            raise ZeroDivisionError("one by nothing")
        while True:
            dist.barrier()


@pytest.mark.parametrize(
    ("how", "size", "kind", "text"),
    [
        ("in words", 2, UserError, "^the list has no clips$"),
        ("otherwise", 4, WorkerError, "(?s)^process 3:\n.*ZeroDivisionError: one by nothing\n$"),
        ("long", 2, WorkerError, "(?s)^process 1:\n.*nothing\n$"),
        ("killed", 4, WorkerError, "^process 3 was ended by SIGKILL; .* out of memory"),
        ("left", 2, WorkerError, "^process 1 ended with exit status 3$"),
    ],
)
def test_the_cause_is_told_though_others_wait(tmp_path, how, size, kind, text):
    with pytest.raises(kind, match=text):
        run_together(size, fail, str(tmp_path), how, size)
    assert not [c for c in psutil.Process().children() if "spawn_main" in str(c.cmdline())]


def fail_beside_one_that_sleeps(number, folder):
    if number:
        Path(folder, "sleeps").write_text(str(os.getpid()))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    while not Path(folder, "sleeps").exists():
        time.sleep(0.05)
    raise UserError("no")


def test_one_that_hangs_is_ended(tmp_path):
    with pytest.raises(UserError, match=r"^no$"):
        run_together(2, fail_beside_one_that_sleeps, str(tmp_path))
    assert not psutil.pid_exists(int((tmp_path / "sleeps").read_text()))


def wait_in_vain(number, folder):
    join(number, folder)
    distributed.destroy_process_group()
    store = dist.FileStore(f"{folder}/again", 2)
    distributed.init_process_group(
        number, 2, 0, 1, None, "gloo", timeout=timedelta(seconds=1), store=store
    )
    with distributed.losses_in_words(1 / 60):
        if number:
            time.sleep(4)
        else:
            dist.barrier()


def test_a_collective_that_waits_too_long_is_told(tmp_path):
    words = "(?s)^Process 0 of 2 waited longer than DIST_TIMEOUT, 0.0166667 minutes, .*Timed out"
    with pytest.raises(UserError, match=words):
        run_together(2, wait_in_vain, str(tmp_path))


def test_other_errors_stay_what_they_are():
    with (
        pytest.raises(RuntimeError, match=r"^of its own$") as caught,
        distributed.losses_in_words(1),
    ):
        raise RuntimeError("of its own")
    assert not isinstance(caught.value, UserError)


def stop(number):
    raise Stopped


def test_a_run_that_has_stopped_is_told():
    with pytest.raises(Stopped):
        run_together(2, stop)


def look_at_the_start_method(number, folder):
    Path(folder, "method").write_text(multiprocessing.get_start_method())


def test_processes_start_workers_as_this_one_does(tmp_path):
    run_together(1, look_at_the_start_method, str(tmp_path))
    assert (tmp_path / "method").read_text() == multiprocessing.get_start_method()


# --------------------------------------------------------- what signals to the parent do


WORK = """
import os, signal, sys, time
from pathlib import Path
from slowfast.utils.workers import EXIT_STOPPED, Stopped, run_together

FOLDER = Path(sys.argv[1])

def work(number, saves):
    if saves:
        def stop(*_):
            (FOLDER / f"saved{number}").touch()
            raise Stopped
        signal.signal(signal.SIGTERM, stop)
    (FOLDER / f"{number}.part").write_text(str(os.getpid()))
    (FOLDER / f"{number}.part").rename(FOLDER / f"{number}.pid")
    time.sleep(600)

if __name__ == "__main__":
    try:
        run_together(2, work, sys.argv[2] == "saves")
    except Stopped:
        sys.exit(EXIT_STOPPED)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def parent(tmp_path):
    """Starts a parent of two processes; returns it once they work, and their ids."""
    script = tmp_path / "work.py"
    script.write_text(textwrap.dedent(WORK))
    started = []

    def start(saves: str):
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), saves],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            # A shell that starts this in the background hands on an ignored interrupt.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        notes = [tmp_path / f"{number}.pid" for number in range(2)]
        until(lambda: all(note.exists() for note in notes))
        return process, [int(note.read_text()) for note in notes]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(is_so, seconds=120):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("saves", "number", "status"),
    [
        ("saves", signal.SIGTERM, workers.EXIT_STOPPED),
        ("saves", signal.SIGINT, workers.EXIT_STOPPED),
        ("does not", signal.SIGTERM, -signal.SIGTERM),
        ("does not", signal.SIGINT, 130),
    ],
)
def test_a_signal_to_the_parent_reaches_all(parent, tmp_path, saves, number, status):
    process, pids = parent(saves)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert len(list(tmp_path.glob("saved*"))) == (2 if saves == "saves" else 0)
    assert all(map(is_gone, pids))


def test_a_second_interrupt_ends_all_at_once(parent, tmp_path):
    process, pids = parent("saves")
    os.kill(pids[1], signal.SIGSTOP)  # this one will never get to save
    process.send_signal(signal.SIGINT)
    until(lambda: (tmp_path / "saved0").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert all(map(is_gone, pids))


def test_a_terminals_interrupt_is_not_heard_by_the_processes(parent, tmp_path):
    process, pids = parent("does not")
    for pid in pids:
        os.kill(pid, signal.SIGINT)
    time.sleep(1)
    assert not any(map(is_gone, pids))
    assert process.poll() is None


def test_no_process_outlives_a_killed_parent(parent):
    process, pids = parent("saves")
    process.kill()
    until(lambda: all(map(is_gone, pids)))
