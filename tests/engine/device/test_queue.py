"""The loop is at most a few steps ahead of the device, and knows whether the device is idle."""

from types import SimpleNamespace

import pytest
import torch

from slowfast.engine.device.queue import DeviceQueue


@pytest.fixture
def device(monkeypatch):
    """A device that finishes its oldest steps when it is waited for, or at a call of a test."""
    device = SimpleNamespace(type="cuda", begun=0, finished=0, waits=0)

    class Event:
        def __init__(self, blocking):
            assert blocking

        def record(self):
            device.begun += 1
            self.number = device.begun

        def synchronize(self):
            device.waits += self.number > device.finished
            device.finished = max(device.finished, self.number)

        def query(self):
            return device.finished >= self.number

    monkeypatch.setattr(torch.cuda, "Event", Event)
    return device


def test_no_more_steps_are_unfinished_than_the_depth(device):
    queue = DeviceQueue(device, depth=2)
    for step in range(1, 11):
        queue.add()
        assert device.begun - device.finished == min(step, 2)
    assert device.waits == 8
    assert not queue.is_idle()


def test_a_device_that_keeps_up_is_never_waited_for(device):
    queue = DeviceQueue(device, depth=2)
    assert queue.is_idle()
    for _ in range(10):
        queue.add()
        assert not queue.is_idle()
        device.finished = device.begun
        assert queue.is_idle()
    assert device.waits == 0


def test_a_cpu_has_finished_whatever_it_was_given():
    queue = DeviceQueue(torch.device("cpu"))
    queue.add()
    assert queue.is_idle()


@pytest.mark.cuda
def test_a_gpu_is_waited_for():
    queue = DeviceQueue(torch.device("cuda"), depth=1)
    for _ in range(3):
        torch.cuda._sleep(10_000_000)
        queue.add()
    assert not queue.is_idle()
    torch.cuda.synchronize()
    assert queue.is_idle()
