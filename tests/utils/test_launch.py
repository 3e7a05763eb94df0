"""Processes start and meet, on one machine and on several; what cannot be is told."""

import json
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.utils import distributed, launch, misc
from slowfast.utils.parser import DEFAULT_INIT_METHOD

TWO = 2


@pytest.fixture
def cfg(tmp_path):
    """Two processes of one machine, on the CPU."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    cfg.NUM_GPUS, cfg.CPU_PROCESSES = 0, TWO
    return cfg


def write_world(cfg):
    """Each process leaves a file that says what it is."""
    ranks = distributed.all_gather_unaligned(distributed.get_rank())
    told = {
        "ranks": ranks,
        "local": [distributed.get_local_rank(), distributed.get_local_size()],
        "backend": dist.get_backend(),
        "threads": torch.get_num_threads(),
    }
    Path(cfg.OUTPUT_DIR, f"{distributed.get_rank()}.json").write_text(json.dumps(told))


def worlds(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_processes_of_the_cpu_meet(cfg, tmp_path):
    misc.launch_job(cfg, DEFAULT_INIT_METHOD, write_world)
    assert [world["local"] for world in worlds(tmp_path)] == [[0, 2], [1, 2]]
    assert all(world["ranks"] == [0, 1] for world in worlds(tmp_path))
    assert {world["backend"] for world in worlds(tmp_path)} == {"gloo"}


def test_one_process_runs_here(cfg):
    seen = []
    cfg.CPU_PROCESSES = 1
    launch.launch_job(cfg, DEFAULT_INIT_METHOD, seen.append)
    assert seen == [cfg]


def start(folder, number):
    """One of two runs that start at once; they work together for a while."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR, cfg.NUM_GPUS, cfg.CPU_PROCESSES = f"{folder}/{number}", 0, TWO
    launch.launch_job(cfg, DEFAULT_INIT_METHOD, write_world_slowly)


def write_world_slowly(cfg):
    write_world(cfg)
    time.sleep(2)
    distributed.synchronize()


def shard(folder, number):
    """One of two machines; each has two processes."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR, cfg.NUM_GPUS, cfg.CPU_PROCESSES = folder, 0, TWO
    cfg.NUM_SHARDS, cfg.SHARD_ID = TWO, number
    launch.launch_job(cfg, f"file://{folder}/meet", write_world)


def at_once(function, folder):
    """Runs a function in two processes, with 0 and 1."""
    context = torch.multiprocessing.get_context("spawn")
    processes = [context.Process(target=function, args=(str(folder), i)) for i in range(TWO)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]


@pytest.mark.slow
def test_two_runs_at_once_do_not_meet_each_other(tmp_path):
    for number in range(TWO):
        (tmp_path / str(number)).mkdir()
    at_once(start, tmp_path)
    for number in range(TWO):
        assert [world["ranks"] for world in worlds(tmp_path / str(number))] == [[0, 1]] * TWO


@pytest.mark.slow
def test_machines_meet(tmp_path):
    at_once(shard, tmp_path)
    assert [world["ranks"] for world in worlds(tmp_path)] == [[0, 1, 2, 3]] * 4
    assert [world["local"] for world in worlds(tmp_path)] == [[0, 2], [1, 2]] * 2


@pytest.mark.parametrize(
    "address", ["foo", "localhost:9999", "tcp://host", "tcp://host:port", "file://", "http://h:1"]
)
def test_an_address_that_is_none_is_said(cfg, address):
    with pytest.raises(UserError, match=r"--init_method '.*tcp://host:port.*file:///.*env://"):
        launch.launch_job(cfg, address, write_world)


def test_an_address_where_nobody_is_is_said(cfg):
    cfg.NUM_SHARDS, cfg.SHARD_ID, cfg.CPU_PROCESSES, cfg.DIST_TIMEOUT = TWO, 1, 1, 0.02
    words = "^Process 1 of 2 did not meet the others at tcp://127.0.0.1:9: .*--shard_id"
    with pytest.raises(UserError, match=words):
        launch.launch_job(cfg, "tcp://127.0.0.1:9", write_world)


def test_a_port_that_is_taken_is_said(cfg):
    taken = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    cfg.DIST_TIMEOUT = 0.05
    with pytest.raises(UserError, match=r"Process \d of 2 did not meet the others"):
        launch.launch_job(cfg, f"tcp://127.0.0.1:{taken.port}", write_world)


@pytest.mark.parametrize(("num_gpus", "present", "taken"), [(2, 2, [1]), (2, 0, []), (0, 2, [])])
def test_a_process_takes_its_gpu_whatever_the_backend(cfg, monkeypatch, num_gpus, present, taken):
    seen = []
    cfg.NUM_GPUS, cfg.DIST_BACKEND = num_gpus, "gloo"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    monkeypatch.setattr(torch.cuda, "set_device", seen.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed, "group_for_objects", lambda *_: None)
    monkeypatch.setattr(distributed, "_local_rank", 0)
    monkeypatch.setattr(distributed, "_local_size", 1)
    launch._join_and_run(1, TWO, lambda _: None, "file:///meet", cfg)
    assert seen == taken


def test_collectives_wait_for_the_configured_time(cfg, monkeypatch):
    seen = {}
    cfg.DIST_TIMEOUT = 1.5
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **settings: seen.update(settings))
    monkeypatch.setattr(distributed, "group_for_objects", lambda timeout: seen.update(more=timeout))
    monkeypatch.setattr(distributed, "_local_size", 1)
    launch._join_and_run(0, 1, lambda _: None, "file:///meet", cfg)
    assert seen["timeout"].total_seconds() == seen["more"].total_seconds() == 90


@pytest.mark.parametrize(
    ("present", "words"),
    [(0, "has 0 (this PyTorch is built without CUDA): using the CPU"), (2, "the 2 there are")],
)
def test_missing_gpus_are_said_and_done_without(monkeypatch, caplog, present, words):
    has_gpus(monkeypatch, present)
    monkeypatch.setattr(torch.version, "cuda", None)
    cfg = get_cfg()
    cfg.NUM_GPUS = 4
    cfg.freeze()
    assert launch.available_gpus(cfg) == cfg.NUM_GPUS == present
    assert words in caplog.text
    assert cfg.is_frozen()
    caplog.clear()
    assert launch.available_gpus(cfg) == present
    assert not caplog.text


def test_a_missing_driver_is_said(monkeypatch, caplog):
    has_gpus(monkeypatch, 0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    launch.fit_to_machine(get_cfg())
    assert "PyTorch finds no driver that it can use; `nvidia-smi`" in caplog.text


def test_machines_of_a_run_have_equally_many_gpus(monkeypatch):
    has_gpus(monkeypatch, 2)
    cfg = get_cfg()
    cfg.NUM_GPUS, cfg.NUM_SHARDS = 4, 2
    with pytest.raises(UserError, match=r"NUM_GPUS: found 4, and this machine.*has 2"):
        launch.fit_to_machine(cfg)


def has_gpus(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
