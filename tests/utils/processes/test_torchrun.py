"""Processes of torchrun use its settings, report an error once, and may be restarted."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.config import provenance
from slowfast.config.defaults import get_cfg
from slowfast.utils.processes.torchrun import Torchrun
from tests.utils.waiting import wait_until

ROOT = Path(__file__).parents[3]

ENVIRONMENT = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "8",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
    "GROUP_WORLD_SIZE": "2",
}

SCRIPT = """
import os, sys, time
from pathlib import Path
from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.utils import distributed
from slowfast.utils.processes import launch, torchrun

FOLDER, HOW = Path(sys.argv[1]), sys.argv[2]

def job(cfg):
    rank, attempt = distributed.get_rank(), os.environ["TORCHELASTIC_RESTART_COUNT"]
    ranks = distributed.all_gather_unaligned(rank)
    (FOLDER / f"{attempt}.{rank}").write_text(f"{os.getpid()} {ranks} {cfg.SHARD_ID}")
    if HOW == "same":
        raise UserError("the list has no clips")
    if HOW == "own" and rank == 1:
        raise UserError("this machine has no list")
    if HOW == "bug" and rank == 1:
        raise ZeroDivisionError("one by nothing")
    if HOW == "restart" and rank == 1 and attempt == "0":
        os._exit(9)
    if HOW == "sleep":
        time.sleep(600)
    distributed.synchronize()

def main():
    try:
        cfg = get_cfg()
        cfg.NUM_GPUS = 0
        launch.fit_to_machine(cfg)
        for _ in range(2):
            launch.launch_job(cfg, "tcp://localhost:9999", job)
    except UserError as error:
        torchrun.print_once(f"error: {error}", error)
        return 2
    return 0

if __name__ == "__main__":
    sys.exit(torchrun.as_worker(main)())
"""


@pytest.fixture
def torchrun(tmp_path):
    """Starts torchrun with two processes that behave as asked; returns the process of torchrun."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    started = []

    def start(how: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
        if "--nnodes" not in options:
            command.append("--standalone")
        process = subprocess.Popen(
            [*command, *options, str(script), str(tmp_path), how],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    output, _ = process.communicate(timeout=240)
    return process.returncode, output


def test_the_settings_of_torchrun_are_used(caplog):
    assert Torchrun.from_environment({"RANK": "3", "WORLD_SIZE": "4"}) is None
    run = Torchrun.from_environment(ENVIRONMENT)
    cfg = get_cfg()
    cfg.NUM_GPUS, cfg.NUM_SHARDS = 0, 3
    run.apply_to(cfg)
    assert (cfg.NUM_GPUS, cfg.CPU_PROCESSES, cfg.NUM_SHARDS, cfg.SHARD_ID) == (0, 4, 2, 1)
    assert provenance.source_of(cfg, "NUM_SHARDS") == "torchrun"
    assert not caplog.records
    cfg.CPU_PROCESSES = 2
    run.apply_to(cfg)
    assert "CPU_PROCESSES is 2, but torchrun started 4 processes on this machine" in caplog.text
    assert cfg.CPU_PROCESSES == 4


@pytest.mark.parametrize("gpus", [2, 4])
def test_every_process_needs_a_gpu(monkeypatch, gpus):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    cfg, run = get_cfg(), Torchrun.from_environment(ENVIRONMENT)
    cfg.NUM_GPUS = 8
    if gpus < 4:
        with pytest.raises(UserError, match=r"4 processes on a machine with 2 GPUs.*node 2"):
            run.apply_to(cfg)
    else:
        run.apply_to(cfg)
        assert cfg.NUM_GPUS == 4


def test_a_run_succeeds_after_a_restart(torchrun, tmp_path):
    status, output = finish(torchrun("restart", "--max-restarts", "1"))
    assert status == 0, output
    notes = sorted(path.name for path in tmp_path.glob("?.?"))
    assert notes == [f"{attempt}.{rank}" for attempt in range(2) for rank in range(2)]
    assert all("[0, 1] 0" in (tmp_path / note).read_text() for note in notes)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("same", "\nerror: the list has no clips\n"),
        ("own", "\n[process 1] error: this machine has no list\n"),
    ],
)
def test_an_error_is_reported_once(torchrun, how, text):
    status, output = finish(torchrun(how))
    assert status == 1, output  # torchrun's own
    assert output.count(text.strip()) == 1, output
    assert text in output
    assert 'job.py", line' not in output, output  # torchrun has a traceback of its own
    assert "exitcode  : 2" in output


def test_a_traceback_is_in_the_summary_of_torchrun(torchrun):
    status, output = finish(torchrun("bug"))
    assert status == 1
    summary = output.rpartition("Root Cause")[2]
    assert "ZeroDivisionError: one by nothing" in summary
    assert "rank      : 1" in summary


def test_no_process_outlives_a_killed_torchrun(torchrun, tmp_path):
    process = torchrun("sleep")
    notes = [tmp_path / f"0.{rank}" for rank in range(2)]
    wait_until(lambda: all(note.exists() and note.read_text() for note in notes))
    pids = [int(note.read_text().split()[0]) for note in notes]
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(psutil.pid_exists, pids)))


@pytest.fixture
def two_machines():
    """Returns the options for two torchruns on this machine that act as two machines."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "7"]
    return [*options, "--rdzv-endpoint", f"127.0.0.1:{port}"]


@pytest.mark.slow
def test_two_machines_restart_together(torchrun, tmp_path, two_machines):
    options = [*two_machines, "--nproc-per-node=1", "--max-restarts", "2"]
    machines = [torchrun("restart", *options) for _ in range(2)]
    outputs = [finish(machine) for machine in machines]
    assert [status for status, _ in outputs] == [0, 0], outputs
    last = [sorted(tmp_path.glob(f"?.{rank}"))[-1].read_text() for rank in range(2)]
    assert sorted(note.split("[")[1] for note in last) == ["0, 1] 0", "0, 1] 1"]


@pytest.mark.slow
def test_machines_of_unequal_size_are_refused(torchrun, two_machines):
    machines = [torchrun("fine", *two_machines, f"--nproc-per-node={n}") for n in (2, 1)]
    outputs = [finish(machine) for machine in machines]
    assert [status for status, _ in outputs] == [1, 1], outputs
    everything = "".join(output for _, output in outputs)
    assert everything.count("processes on the machines of this run") == 1, everything
