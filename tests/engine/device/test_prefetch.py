"""Batches of a loader, on the device when their step begins."""

from types import SimpleNamespace

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.engine.device import prefetch
from slowfast.engine.device.prefetch import DeviceBatches

CPU = torch.device("cpu")


def batches(labels):
    for number, each in enumerate(labels):
        clips = torch.full((2, 3, 1, 2, 2), number, dtype=torch.uint8)
        yield [clips], each, torch.tensor([number, number + 1]), torch.zeros(2), {"bad": []}


def test_clips_labels_and_indices_come_in_order():
    labels = [torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])]
    made = list(DeviceBatches(batches(labels), CPU))
    assert [int(clips.unique()) for clips, _, _ in made] == [0, 1]
    assert [index.tolist() for _, _, index in made] == [[0, 1], [1, 2]]
    for (_, given, _), expected in zip(made, labels, strict=True):
        assert torch.equal(given, expected)


def test_a_batch_is_asked_for_when_its_step_begins_and_not_before():
    """What a loader tells of its batches, and where a run is taken up, holds for those seen."""
    asked = []

    def loader():
        for number, batch in enumerate(batches(torch.tensor([[3, 7]] * 3))):
            asked.append(number)
            yield batch

    for number, (_, labels, _) in enumerate(DeviceBatches(loader(), CPU)):
        assert asked[-1] == number
        assert labels.tolist() == [3, 7], "classes are no targets to be checked"


def test_targets_that_are_none_are_refused():
    with pytest.raises(UserError, match=r"found 2\.0"):
        list(DeviceBatches(batches([torch.tensor([[0.0, 2.0], [1.0, 0.0]])]), CPU))


class Copied:
    """Stands for a tensor; writes down what becomes of it."""

    ndim = 1

    def __init__(self, log):
        self.log = log

    def to(self, device, non_blocking):
        assert non_blocking
        self.log.append("copied")
        return self

    def record_stream(self, stream):
        self.log.append(f"kept for {stream.name}")


class Streams:
    """Stands for torch.cuda: two streams, and a log of what was asked of them."""

    def __init__(self):
        self.log = []
        self.main = SimpleNamespace(
            name="main", wait_stream=lambda other: self.log.append(f"main waits for {other.name}")
        )

    def Stream(self, device):
        return SimpleNamespace(name="side")

    def current_stream(self, device):
        return self.main

    def stream(self, stream):
        self.log.append(stream and stream.name)
        return torch.no_grad()  # some context


@pytest.mark.parametrize(
    ("is_on", "expected"),
    [
        (
            True,
            ["side", "copied", "copied", "main waits for side", "kept for main", "kept for main"],
        ),
        (False, ["copied", "copied"]),
    ],
)
def test_on_a_gpu_a_stream_of_its_own_copies_and_the_computing_one_waits(
    monkeypatch, is_on, expected
):
    streams = Streams()
    monkeypatch.setattr(prefetch.torch, "cuda", streams)
    loader = [([Copied(streams.log)], Copied(streams.log), torch.zeros(1))]
    device = SimpleNamespace(type="cuda")
    assert len(list(DeviceBatches(loader, device, is_on))) == 1
    assert streams.log == expected


@pytest.mark.cuda
def test_copies_are_whole_when_they_are_used():
    size = (2, 3, 32, 256, 256)
    clips = [torch.full(size, number, dtype=torch.uint8).pin_memory() for number in range(5)]
    loader = [([clip], torch.zeros(2, dtype=torch.long), torch.zeros(2)) for clip in clips]
    sums = [c.sum() for c, _, _ in DeviceBatches(loader, torch.device("cuda"))]
    assert [int(s) for s in sums] == [number * clips[0].numel() for number in range(5)]
