"""Processes start and meet on one machine and on several; impossible settings are refused."""

import json
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.utils import distributed, misc
from slowfast.utils.parser import DEFAULT_INIT_METHOD
from slowfast.utils.processes import launch

TWO = 2


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def make_cfg(folder):
    """Returns a configuration of two processes on the CPU of one machine."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(folder)
    cfg.NUM_GPUS, cfg.CPU_PROCESSES = 0, TWO
    return cfg


def write_world(cfg):
    """Writes a file about the process group, in each process."""
    ranks = distributed.all_gather_unaligned(distributed.get_rank())
    found = {
        "ranks": ranks,
        "local": [distributed.get_local_rank(), distributed.get_local_size()],
        "backend": dist.get_backend(),
    }
    Path(cfg.OUTPUT_DIR, f"{distributed.get_rank()}.json").write_text(json.dumps(found))


def worlds(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_processes_of_the_cpu_meet(cfg, tmp_path):
    misc.launch_job(cfg, DEFAULT_INIT_METHOD, write_world)
    assert [world["local"] for world in worlds(tmp_path)] == [[0, 2], [1, 2]]
    assert all(world["ranks"] == [0, 1] for world in worlds(tmp_path))
    assert {world["backend"] for world in worlds(tmp_path)} == {"gloo"}


def test_a_single_process_runs_in_this_one(cfg):
    seen = []
    cfg.CPU_PROCESSES = 1
    launch.launch_job(cfg, DEFAULT_INIT_METHOD, seen.append)
    assert seen == [cfg]


def start_run(folder, number):
    """Starts one of two runs that work at the same time for a while."""
    launch.launch_job(make_cfg(f"{folder}/{number}"), DEFAULT_INIT_METHOD, write_world_slowly)


def write_world_slowly(cfg):
    write_world(cfg)
    time.sleep(2)
    distributed.synchronize()


def start_machine(folder, number):
    """Starts one of two machines, each with two processes."""
    cfg = make_cfg(folder)
    cfg.NUM_SHARDS, cfg.SHARD_ID = TWO, number
    launch.launch_job(cfg, f"file://{folder}/meet", write_world)


def run_twice_at_once(function, folder):
    """Calls a function in two processes, with the numbers 0 and 1."""
    context = torch.multiprocessing.get_context("spawn")
    processes = [context.Process(target=function, args=(str(folder), i)) for i in range(TWO)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]


@pytest.mark.slow
def test_two_runs_at_the_same_time_stay_apart(tmp_path):
    for number in range(TWO):
        (tmp_path / str(number)).mkdir()
    run_twice_at_once(start_run, tmp_path)
    for number in range(TWO):
        assert [world["ranks"] for world in worlds(tmp_path / str(number))] == [[0, 1]] * TWO


@pytest.mark.slow
def test_machines_meet(tmp_path):
    run_twice_at_once(start_machine, tmp_path)
    assert [world["ranks"] for world in worlds(tmp_path)] == [[0, 1, 2, 3]] * 4
    assert [world["local"] for world in worlds(tmp_path)] == [[0, 2], [1, 2]] * 2


@pytest.mark.parametrize(
    "address", ["foo", "tcp://host", "tcp://host:port", "file://", "http://h:1"]
)
def test_an_invalid_address_is_refused(cfg, address):
    with pytest.raises(
        UserError, match=r"--init_method: found '.*tcp://host:port.*file:///.*env://"
    ):
        launch.launch_job(cfg, address, write_world)


def test_an_address_without_a_first_machine_is_explained(cfg):
    cfg.NUM_SHARDS, cfg.SHARD_ID, cfg.CPU_PROCESSES, cfg.DIST_TIMEOUT = TWO, 1, 1, 0.02
    text = "^Process 1 of 2 did not meet the others at tcp://127.0.0.1:9: .*--shard_id"
    with pytest.raises(UserError, match=text):
        launch.launch_job(cfg, "tcp://127.0.0.1:9", write_world)


def test_a_used_port_is_explained(cfg):
    used = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    cfg.DIST_TIMEOUT, cfg.NUM_SHARDS, cfg.CPU_PROCESSES = 0.05, TWO, 1
    with pytest.raises(UserError, match=r"Process 0 of 2 did not meet the others"):
        launch.launch_job(cfg, f"tcp://127.0.0.1:{used.port}", write_world)


@pytest.mark.parametrize(("num_gpus", "present", "used"), [(2, 2, [1]), (2, 0, []), (0, 2, [])])
def test_a_process_uses_its_gpu_with_any_backend(cfg, monkeypatch, num_gpus, present, used):
    devices, settings = [], {}
    cfg.NUM_GPUS, cfg.DIST_BACKEND, cfg.DIST_TIMEOUT = num_gpus, "gloo", 1.5
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    monkeypatch.setattr(torch.cuda, "set_device", devices.append)
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **given: settings.update(given))
    monkeypatch.setattr(distributed, "group_for_objects", lambda limit: settings.update(more=limit))
    monkeypatch.setattr(distributed, "_local_rank", 0)
    monkeypatch.setattr(distributed, "_local_size", 1)
    launch._join_and_run(1, TWO, lambda _: None, "file:///meet", cfg)
    assert devices == used
    assert settings["timeout"].total_seconds() == settings["more"].total_seconds() == 90


@pytest.mark.parametrize(
    ("present", "text"),
    [(0, "has 0 (this PyTorch is built without CUDA): using the CPU"), (2, "using these 2")],
)
def test_a_run_continues_without_missing_gpus(monkeypatch, caplog, present, text):
    has_gpus(monkeypatch, present)
    monkeypatch.setattr(torch.version, "cuda", None)
    cfg = get_cfg()
    cfg.NUM_GPUS = 4
    cfg.freeze()
    assert launch.available_gpus(cfg) == cfg.NUM_GPUS == present
    assert text in caplog.text
    assert cfg.is_frozen()
    caplog.clear()
    assert launch.available_gpus(cfg) == present
    assert not caplog.text


def test_a_missing_driver_is_named(monkeypatch, caplog):
    has_gpus(monkeypatch, 0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    launch.fit_to_machine(get_cfg())
    assert "PyTorch finds no usable driver; `nvidia-smi`" in caplog.text


def test_all_machines_of_a_run_need_the_same_number_of_gpus(monkeypatch):
    has_gpus(monkeypatch, 2)
    cfg = get_cfg()
    cfg.NUM_GPUS, cfg.NUM_SHARDS = 4, 2
    with pytest.raises(UserError, match=r"NUM_GPUS: found 4, but this machine.*has 2"):
        launch.fit_to_machine(cfg)


def has_gpus(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
