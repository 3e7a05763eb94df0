"""Processes start, meet and fail in words; a model's costs are counted."""

import logging
import os
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.utils import distributed, misc

TWO = 2


@pytest.fixture
def cfg(tmp_path):
    """Two processes of one machine, on the CPU: NUM_GPUS counts the processes."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    cfg.NUM_GPUS = TWO
    cfg.DIST_BACKEND = "gloo"
    return cfg


def leave_a_file(cfg):
    distributed.synchronize()
    (Path(cfg.OUTPUT_DIR) / str(distributed.get_rank())).touch()


def fail_in_words(cfg):
    if distributed.get_rank() == 1:
        raise UserError("the list has no clips")
    distributed.synchronize()


def fail_otherwise(cfg):
    if distributed.get_rank() == 1:
        raise ZeroDivisionError("one by nothing")
    distributed.synchronize()


def die(cfg):
    if distributed.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def test_processes_meet_though_the_default_port_is_taken(cfg, tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("localhost", 9999))
        misc.launch_job(cfg, misc.DEFAULT_INIT_METHOD, leave_a_file)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1"]


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (fail_in_words, UserError, "^the list has no clips$"),
        (fail_otherwise, misc.WorkerError, "(?s)^process 1:.*ZeroDivisionError: one by nothing\n$"),
        (die, misc.WorkerError, "SIGKILL; it may have run out of memory"),
    ],
)
def test_the_error_that_came_first_is_told(cfg, tmp_path, function, kind, text):
    began = time.monotonic()
    with pytest.raises(kind, match=text):
        misc.launch_job(cfg, f"file://{tmp_path}/meet", function)
    assert time.monotonic() - began < 30


def test_one_process_runs_here(cfg):
    seen = []
    cfg.NUM_GPUS = 0
    misc.launch_job(cfg, misc.DEFAULT_INIT_METHOD, seen.append)
    assert seen == [cfg]


@pytest.mark.parametrize(
    "address", ["foo", "localhost:9999", "tcp://host", "tcp://host:port", "file://", "http://h:1"]
)
def test_an_address_that_is_none_is_said(cfg, address):
    with pytest.raises(UserError, match=r"--init_method '.*tcp://host:port.*file:///.*env://"):
        misc.launch_job(cfg, address, leave_a_file)


@pytest.mark.parametrize(("num_gpus", "present", "taken"), [(2, 2, [1]), (2, 0, []), (0, 2, [])])
def test_a_process_takes_its_gpu_whatever_the_backend(cfg, monkeypatch, num_gpus, present, taken):
    seen = []
    cfg.NUM_GPUS = num_gpus
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    monkeypatch.setattr(torch.cuda, "set_device", seen.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed, "_local_rank", 0)
    monkeypatch.setattr(distributed, "_local_size", 1)
    misc._join_and_run(1, TWO, lambda _: None, "file:///meet", cfg)
    assert seen == taken


def shard(folder, shard_id):
    cfg = get_cfg()
    cfg.NUM_GPUS, cfg.NUM_SHARDS, cfg.SHARD_ID = 0, TWO, shard_id
    misc.launch_job(cfg, f"file://{folder}/meet", lambda _: write_world(folder))


def write_world(folder):
    distributed.synchronize()
    (Path(folder) / str(distributed.get_rank())).write_text(str(distributed.get_world_size()))


def test_machines_without_gpus_meet(tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    processes = [context.Process(target=shard, args=(str(tmp_path), i)) for i in range(TWO)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [(tmp_path / str(rank)).read_text() for rank in range(TWO)] == ["2", "2"]


@pytest.mark.parametrize(("present", "words"), [(0, "the CPU"), (2, "the 2 there are")])
def test_missing_gpus_are_said_and_done_without(monkeypatch, caplog, present, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    cfg = get_cfg()
    cfg.NUM_GPUS = 4
    cfg.freeze()
    assert misc.available_gpus(cfg) == cfg.NUM_GPUS == present
    assert words in caplog.text
    assert cfg.is_frozen()
    caplog.clear()
    assert misc.available_gpus(cfg) == present
    assert not caplog.text


class Network(nn.Module):
    """One convolution on each of two pathways."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv3d(3, 300, 1, bias=False) for _ in range(2)])
        self.layers[0].requires_grad_(False)

    def forward(self, pathways):
        assert not self.training
        return [layer(clip) for layer, clip in zip(self.layers, pathways, strict=True)]


def test_a_models_costs_are_logged(caplog):
    cfg = get_cfg()
    cfg.MODEL.ARCH, cfg.MODEL.MODEL_NAME = "slowfast", "SlowFast"
    cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE, cfg.SLOWFAST.ALPHA = 8, 100, 4
    cfg.DATA.INPUT_CHANNEL_NUM = [3, 3]
    model = Network()
    with caplog.at_level(logging.INFO):
        misc.log_model_info(model, cfg)
    # 900 products at each of 100 x 100 places of 2 slow and 8 fast frames.
    assert "SlowFast (slowfast): 0.0018 M parameters, 0.0009 M of them trained" in caplog.text
    assert "0.09 G multiply-adds for a clip of 8 x 100 x 100" in caplog.text
    assert model.training
    caplog.clear()
    with caplog.at_level(logging.INFO):
        misc.log_model_info(nn.Linear(3, 2), cfg)
    assert "Multiply-adds are unknown" in caplog.text


def test_evaluations_are_due_each_period_and_at_the_end():
    cfg = get_cfg()
    cfg.SOLVER.MAX_EPOCH, cfg.TRAIN.EVAL_PERIOD = 10, 4
    assert [epoch for epoch in range(10) if misc.is_eval_epoch(cfg, epoch)] == [3, 7, 9]
