"""The processes of a run end together, and the cause is reported."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist

from slowfast.ak.errors import UserError
from slowfast.utils import distributed
from slowfast.utils.processes import workers
from slowfast.utils.processes.workers import Stopped, WorkerError, run_together
from tests.utils.waiting import wait_until

ROOT = Path(__file__).parents[3]


def join(number, folder, timeout=None):
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/meet", 2)
    distributed.init_process_group(number, 2, 0, 1, None, "gloo", timeout, store=store)
    dist.barrier()


def fail(number, folder, how):
    """Process 1 fails while process 0 waits for it."""
    join(number, folder)
    with distributed.explaining_lost_processes(1):
        if number:
            if how == "user error":
                raise UserError("the list has no clips")
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "exit":
                sys.exit(3)
            raise ZeroDivisionError("one by nothing" * 10_000)
        while True:
            dist.barrier()


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("user error", UserError, "^the list has no clips$"),
        ("bug", WorkerError, "(?s)^process 1:\n.*ZeroDivisionError: .*one by nothing\n$"),
        ("killed", WorkerError, "^process 1 was ended by SIGKILL; .* out of memory"),
        ("exit", WorkerError, "^process 1 ended with exit status 3$"),
    ],
)
def test_the_cause_is_reported_although_others_wait(tmp_path, how, kind, text):
    with pytest.raises(kind, match=text):
        run_together(2, fail, str(tmp_path), how)
    assert not [c for c in psutil.Process().children() if "spawn_main" in str(c.cmdline())]


def fail_beside_one_that_sleeps(number, folder):
    Path(folder, "method").write_text(multiprocessing.get_start_method())
    if number:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(folder, "sleeps").write_text(str(os.getpid()))
        time.sleep(600)
    wait_until(Path(folder, "sleeps").exists)
    raise UserError("no")


def test_a_process_that_hangs_is_ended(tmp_path):
    with pytest.raises(UserError, match=r"^no$"):
        run_together(2, fail_beside_one_that_sleeps, str(tmp_path))
    assert not psutil.pid_exists(int((tmp_path / "sleeps").read_text()))
    # Processes start the loader's workers in the same way as this process.
    assert (tmp_path / "method").read_text() == multiprocessing.get_start_method()


def wait_too_long(number, folder):
    join(number, folder, timedelta(seconds=2))
    with distributed.explaining_lost_processes(1 / 30):
        if number:
            time.sleep(5)
        else:
            dist.barrier()


def test_a_collective_that_waits_too_long_is_explained(tmp_path):
    text = "(?s)^Process 0 of 2 waited longer than DIST_TIMEOUT, 0.0333333 minutes, .*Timed out"
    with pytest.raises(UserError, match=text):
        run_together(2, wait_too_long, str(tmp_path))


def stop(number):
    raise Stopped


def test_a_stopped_run_raises_stopped():
    with pytest.raises(Stopped):
        run_together(1, stop)


# --------------------------------------------------------- signals to the parent process


WORK = """
import os, signal, sys, time
from pathlib import Path
from slowfast.utils.processes.workers import EXIT_STOPPED, Stopped, run_together

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
    """Starts a parent of two processes; returns it and their ids once they work."""
    script = tmp_path / "work.py"
    script.write_text(WORK)
    started = []

    def start(saves: str):
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), saves],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            # A program in the background of a shell would ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        notes = [tmp_path / f"{number}.pid" for number in range(2)]
        wait_until(lambda: all(note.exists() for note in notes))
        return process, [int(note.read_text()) for note in notes]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("saves", "number", "status"),
    [
        ("saves", signal.SIGTERM, workers.EXIT_STOPPED),
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
    assert all(map(has_ended, pids))


def test_a_second_interrupt_of_the_parent_ends_all_at_once(parent, tmp_path):
    process, pids = parent("saves")
    for pid in pids:
        os.kill(pid, signal.SIGINT)  # the processes ignore it, because the parent gets it too
    os.kill(pids[1], signal.SIGSTOP)  # this process will not save
    process.send_signal(signal.SIGINT)
    wait_until(lambda: (tmp_path / "saved0").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert all(map(has_ended, pids))


def test_no_process_outlives_a_killed_parent(parent):
    process, pids = parent("saves")
    process.kill()
    wait_until(lambda: all(map(has_ended, pids)))
