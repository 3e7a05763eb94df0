from __future__ import annotations

import os

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.upstream import cpu
from slowfast.ak.upstream.machine import checks_machine, loads_for_machine
from slowfast.config.defaults import get_cfg


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """`machine(n)` makes it one of n GPUs; before, it has none."""
    monkeypatch.delenv(cpu._SIGN, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    yield lambda count: monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    os.environ.pop(cpu._SIGN, None)


def divides(cfg):
    """As patch-2 checks."""
    assert cfg.TRAIN.BATCH_SIZE % cfg.NUM_GPUS == 0
    return cfg


def configured(**settings):
    cfg = get_cfg()
    for key, value in settings.items():
        cfg[key] = value
    return cfg


@pytest.mark.parametrize(
    ("asked", "there", "found", "words"),
    [
        (1, 0, 0, "NUM_GPUS is 1, and this machine has 0: using the CPU."),
        (8, 0, 0, "DIST_BACKEND gloo"),
        (8, 2, 2, "using the 2 there are"),
        (2, 2, 2, ""),
        (0, 2, 0, ""),
    ],
)
def test_no_more_gpus_are_asked_for_than_there_are(machine, caplog, asked, there, found, words):
    machine(there)
    cfg = checks_machine(divides)(configured(NUM_GPUS=asked))
    assert found == cfg.NUM_GPUS
    assert words in caplog.text
    assert bool(caplog.text) == bool(words)


def test_a_loaded_configuration_is_made_to_fit_too():
    def load_config(args, path_to_config=None):
        return args

    assert loads_for_machine(load_config)(configured(NUM_GPUS=1)).NUM_GPUS == 0


def test_gloo_asks_for_processes_on_the_cpu(caplog):
    cfg = checks_machine(divides)(configured(NUM_GPUS=2, DIST_BACKEND="gloo"))
    assert cfg.NUM_GPUS == 2
    assert not caplog.text
    assert os.environ[cpu._SIGN]


def test_other_checks_hold_on_the_cpu():
    def refuses(cfg):
        assert cfg.SHARD_ID < cfg.NUM_SHARDS

    cfg = configured(NUM_GPUS=0, SHARD_ID=3)
    with pytest.raises(AssertionError):
        checks_machine(refuses)(cfg)
    assert cfg.NUM_GPUS == 0


def test_batches_that_the_gpus_cannot_share_are_refused_in_words(machine):
    machine(3)
    cfg = configured(NUM_GPUS=8)
    cfg.TRAIN.BATCH_SIZE = 32
    with pytest.raises(UserError, match=r"TRAIN.BATCH_SIZE: found 32, .* multiple of NUM_GPUS, 3"):
        checks_machine(divides)(cfg)


def test_a_checkout_that_takes_uneven_batches_may(machine):
    machine(3)
    cfg = configured(NUM_GPUS=3)
    cfg.TRAIN.BATCH_SIZE = 32
    assert checks_machine(lambda cfg: cfg)(cfg) is cfg


def test_values_that_a_key_does_not_take_are_refused():
    cfg = configured()
    cfg.AK.FRAMES = "films"
    with pytest.raises(UserError, match=r"AK.FRAMES: found 'films', expected one of"):
        checks_machine(divides)(cfg)


@pytest.fixture
def cuda_functions(monkeypatch):
    for owner, name in (
        (torch.cuda, "synchronize"),
        (torch.cuda, "set_device"),
        (torch.Tensor, "cuda"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def test_nothing_is_waited_for_where_there_is_no_cuda(cuda_functions):
    set_device = torch.cuda.set_device
    cpu.do_without_cuda()
    torch.cuda.synchronize()
    assert torch.cuda.set_device is set_device


def test_in_a_process_on_the_cpu_things_stay_where_they_are(cuda_functions):
    cpu.start_processes_here()
    cpu.do_without_cuda()
    torch.cuda.set_device(1)
    x = torch.ones(2)
    assert x.cuda(non_blocking=True) is x
    layer = torch.nn.Linear(2, 2)
    assert layer.cuda(1).weight.device.type == "cpu"


def test_where_there_is_cuda_all_stays_as_it_is(cuda_functions, machine):
    machine(1)
    before = torch.cuda.synchronize, torch.cuda.set_device, torch.Tensor.cuda
    cpu.start_processes_here()
    cpu.do_without_cuda()
    assert before == (torch.cuda.synchronize, torch.cuda.set_device, torch.Tensor.cuda)
