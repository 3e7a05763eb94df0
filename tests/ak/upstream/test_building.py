"""Networks are built for the CPU on a machine without CUDA."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from slowfast.ak.upstream import building
from slowfast.ak.upstream.standins import record
from slowfast.config.defaults import get_cfg


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def build_model(cfg, gpu_id=None):
    """As upstream's on a machine without CUDA."""
    assert cfg.NUM_GPUS == 0, "Cuda is not available"
    model = nn.Linear(2, 3)
    model.cfg = cfg
    return model


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_network_is_built_for_the_cpu_and_keeps_its_configuration(asked):
    cfg = get_cfg()
    cfg.NUM_GPUS = asked
    model = building.builds_anywhere(build_model)(cfg=cfg)
    assert isinstance(model, nn.Linear)
    assert model.cfg is cfg
    assert asked == model.cfg.NUM_GPUS


def test_an_error_leaves_the_configuration_unchanged():
    def fails(cfg):
        raise KeyError("no such network")

    cfg = get_cfg()
    cfg.NUM_GPUS = 2
    with pytest.raises(KeyError):
        building.builds_anywhere(fails)(cfg)
    assert cfg.NUM_GPUS == 2


def test_each_stand_in_is_logged_once(monkeypatch, caplog):
    monkeypatch.setattr(record, "_sentences", ["this is that"])
    monkeypatch.setattr(record, "_logged", set())
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            building.builds_anywhere(build_model)(get_cfg())
    assert caplog.text.count("Stand-in: this is that.") == 1
