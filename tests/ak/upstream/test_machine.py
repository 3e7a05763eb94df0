"""NUM_GPUS is lowered to the GPUs of the machine, and batches have to fit them."""

import os

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.upstream import cpu
from slowfast.ak.upstream.machine import checks_machine, loads_for_machine
from slowfast.config.defaults import get_cfg


@pytest.fixture(autouse=True)
def gpus(monkeypatch):
    """`gpus(n)` gives the machine n GPUs; it has none at first."""
    monkeypatch.delenv(cpu._ON_CPU, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    yield lambda count: monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    os.environ.pop(cpu._ON_CPU, None)


def asserts_even_batches(cfg):
    """As patch-2's assert_and_infer_cfg."""
    assert cfg.TRAIN.BATCH_SIZE % cfg.NUM_GPUS == 0
    return cfg


def configured(**settings):
    cfg = get_cfg()
    for key, value in settings.items():
        cfg[key] = value
    return cfg


@pytest.mark.parametrize(
    ("asked", "present", "found", "words"),
    [
        (1, 0, 0, "NUM_GPUS is 1, and this machine has 0 GPUs: the CPU is used."),
        (8, 0, 0, "set DIST_BACKEND gloo"),
        (8, 2, 2, "2 GPUs are used"),
        (2, 2, 2, ""),
        (0, 2, 0, ""),
    ],
)
def test_num_gpus_is_lowered_with_a_warning(gpus, caplog, asked, present, found, words):
    gpus(present)
    for change in (checks_machine(asserts_even_batches), loads_for_machine(lambda cfg: cfg)):
        caplog.clear()
        assert found == change(configured(NUM_GPUS=asked)).NUM_GPUS
        assert words in caplog.text
        assert bool(caplog.text) == bool(words)


def test_gloo_asks_for_processes_on_the_cpu(caplog):
    cfg = checks_machine(asserts_even_batches)(configured(NUM_GPUS=2, DIST_BACKEND="gloo"))
    assert cfg.NUM_GPUS == 2
    assert not caplog.text
    assert os.environ[cpu._ON_CPU]


def test_a_failing_assertion_of_the_checkout_leaves_num_gpus():
    def refuses(cfg):
        assert cfg.SHARD_ID < cfg.NUM_SHARDS

    cfg = configured(NUM_GPUS=0, SHARD_ID=3)
    with pytest.raises(AssertionError):
        checks_machine(refuses)(cfg)
    assert cfg.NUM_GPUS == 0


def test_uneven_batches_are_refused_in_words_if_the_checkout_asserts(gpus):
    gpus(3)
    cfg = configured(NUM_GPUS=8)
    cfg.TRAIN.BATCH_SIZE = 32
    with pytest.raises(UserError, match=r"TRAIN.BATCH_SIZE: found 32, .* multiple of NUM_GPUS"):
        checks_machine(asserts_even_batches)(cfg)
    assert checks_machine(lambda cfg: cfg)(cfg) is cfg


def test_an_unknown_value_of_a_key_is_refused():
    cfg = configured()
    cfg.AK.FRAMES = "films"
    with pytest.raises(UserError, match=r"AK.FRAMES: found 'films', expected one of"):
        checks_machine(asserts_even_batches)(cfg)
