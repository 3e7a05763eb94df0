"""Loaders: the number of workers, their signals, errors and memory."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
import torch
from torch.utils.data import DataLoader

from slowfast.ak.clips import loader as loaders
from slowfast.ak.clips import workers
from slowfast.datasets.loader import construct_loader


def test_a_worker_hides_only_errors_of_a_stopped_run(capsys):
    workers._show_unless_stopped(BrokenPipeError, BrokenPipeError("gone"), None)
    assert capsys.readouterr().err == ""
    workers._show_unless_stopped(KeyError, KeyError("a fault"), None)
    assert "a fault" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs POSIX signals")
@pytest.mark.parametrize("beside", [False, True], ids=["one thread", "two threads"])
def test_ctrl_c_while_workers_start_stops_the_run_and_not_the_workers(cfg, monkeypatch, beside):
    done = threading.Event()
    if beside:  # this thread does not block the signal, so it receives the signal
        threading.Thread(target=done.wait, daemon=True).start()
    cfg.DATA_LOADER.NUM_WORKERS = 2
    loader = construct_loader(cfg, "train")
    start = DataLoader.__iter__
    # If a shell starts the tests in the background, they inherit an ignored interrupt.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(self):
        batches = start(self)
        os.kill(os.getpid(), signal.SIGINT)
        sleep(0.2)  # the other thread needs time to wake up
        self.started = True  # not reached after an earlier KeyboardInterrupt
        return batches

    monkeypatch.setattr(DataLoader, "__iter__", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(iter(loader))
    finally:
        signal.signal(signal.SIGINT, before)
        done.set()
    assert loader.started
    monkeypatch.undo()
    for worker in loader._iterator._workers:
        os.kill(worker.pid, signal.SIGINT)
    assert len(list(loader)) == len(loader)


SEND_SIGTERM = "import os, sys; [os.kill(int(pid), 15) for pid in sys.argv[1:]]"


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="needs POSIX signals")
def test_a_sigterm_ends_a_worker_only_if_its_process_sends_it(cfg):
    cfg.DATA_LOADER.NUM_WORKERS = 2
    loader = construct_loader(cfg, "train")
    assert len(list(loader)) == len(loader)
    started = loader._iterator._workers
    pids = [str(worker.pid) for worker in started]
    subprocess.run([sys.executable, "-c", SEND_SIGTERM, *pids], check=True)
    sleep(0.5)
    assert all(worker.is_alive() for worker in started)
    assert len(list(loader)) == len(loader)
    loader._iterator._shutdown_workers()  # this also stops the watching of the workers
    assert [worker.exitcode for worker in started] == [0, 0]


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="needs POSIX signals")
def test_a_worker_ends_when_its_process_sends_a_sigterm(tmp_path):
    worker = start("fork", tmp_path / "pid")
    worker.terminate()
    worker.join(60)
    assert worker.exitcode == 0


def test_workers_are_spawned_instead_of_a_fork_server(cfg, monkeypatch):
    cfg.DATA_LOADER.NUM_WORKERS = 1
    monkeypatch.setattr(loaders.multiprocessing, "get_start_method", lambda: "forkserver")
    loader = construct_loader(cfg, "train")
    assert loader.multiprocessing_context.get_start_method() == "spawn"


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="needs POSIX signals")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_no_worker_outlives_its_process(tmp_path, method):
    file = tmp_path / "pid"
    context = torch.multiprocessing.get_context("fork")
    parent = context.Process(target=start_and_die, args=(method, file))
    parent.start()
    parent.join()
    assert parent.exitcode == -signal.SIGKILL
    number = int(file.read_text())
    deadline = monotonic() + 60
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        assert monotonic() < deadline
        sleep(0.1)


def start(method, file):
    """Starts a worker, waits until it has written its number into a file, and returns it."""
    context = torch.multiprocessing.get_context(method)
    worker = context.Process(target=work, args=(os.getpid(), str(file)))
    with workers.signals_held_back(context):
        worker.start()
    while not Path(file).exists():
        assert worker.is_alive()
        sleep(0.01)
    return worker


def start_and_die(method, file):
    start(method, file)
    os.kill(os.getpid(), signal.SIGKILL)


def work(parent, file):
    workers.start_worker(0, parent)
    Path(f"{file}.part").write_text(str(os.getpid()))
    Path(f"{file}.part").rename(file)
    sleep(600)


@pytest.mark.parametrize(
    ("gpus", "split", "count", "says"),
    [
        (0, "train", 1, "Workers that read train clips: 1 a process, by 16 cores."),
        (1, "train", 4, "clips: 4 a process"),  # the number of batches
        (1, "test", 4, "clips: 4 a process"),
        (4, "train", 3, "clips: 3 a process, by 16 cores shared by 4 processes."),
    ],
)
def test_the_cores_decide_the_number_of_workers(cfg, monkeypatch, caplog, gpus, split, count, says):
    monkeypatch.setattr(loaders, "available_cores", lambda: 16)
    cfg.DATA_LOADER.NUM_WORKERS, cfg.NUM_GPUS = -1, gpus
    cfg.TRAIN.BATCH_SIZE = 2 * max(1, gpus) if gpus < 2 else gpus
    with caplog.at_level("INFO"):
        assert construct_loader(cfg, split).num_workers == count
    assert says in caplog.text


def test_few_workers_decode_on_a_gpu(cfg, monkeypatch):
    """Each of these workers has a CUDA context, and the GPU has few decoders."""
    monkeypatch.setattr(loaders, "available_cores", lambda: 16)
    cfg.DATA_LOADER.NUM_WORKERS, cfg.NUM_GPUS, cfg.TRAIN.BATCH_SIZE = -1, 1, 1
    assert construct_loader(cfg, "train").num_workers == 8
    cfg.DATA.DECODING_DEVICE = "cuda"
    assert construct_loader(cfg, "train").num_workers == loaders.MOST_WORKERS_ON_GPU == 4


def test_a_run_on_the_cpu_does_not_use_cuda(cfg, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cfg.DATA_LOADER.PIN_MEMORY = True
    loader = construct_loader(cfg, "train")
    assert not loader.pin_memory
    assert len(list(loader)) == len(loader)
    assert not torch.cuda.is_initialized()
    cfg.NUM_GPUS = 1
    assert construct_loader(cfg, "train").pin_memory
