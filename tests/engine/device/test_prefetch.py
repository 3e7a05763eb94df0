"""Batches are on the device when their step begins."""

import pytest
import torch

from slowfast.engine.device import prefetch
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.tasks import Batch


def test_a_batch_is_fetched_when_its_step_begins_and_not_before():
    """The record of unreadable clips, and the place to resume at, hold for the batches seen."""
    fetched = []

    def loader():
        for number in range(3):
            fetched.append(number)
            yield Batch([torch.full((2, 3), number)], torch.tensor([3, 7]), torch.arange(2))

    for number, batch in enumerate(DeviceBatches(loader(), torch.device("cpu"))):
        assert fetched[-1] == number == int(batch.inputs[0].unique())
        assert batch.targets.tolist() == [3, 7]


def large_batches(count=5):
    """Batches in page-locked memory, whose copies take long. Each value is the batch's number."""
    for number in range(1, count + 1):
        pixels = torch.full((2, 3, 32, 256, 256), number, dtype=torch.uint8)
        labels = torch.full((2,), number)
        yield Batch([pixels], labels, torch.arange(2)).pin_memory()


def sums(device: torch.device) -> list[tuple[int, int]]:
    """What a step sees of each batch, while the copying stream is slow."""
    stream, found = prefetch.copy_stream(device), []
    batches = list(large_batches())

    def loader():
        for batch in batches:
            with torch.cuda.stream(stream):
                torch.cuda._sleep(50_000_000)  # the copy of the batch comes after this wait
            yield batch

    for batch in DeviceBatches(loader(), device):
        found.append((batch.inputs[0].sum(), batch.targets.sum()))
    return [(int(pixels), int(labels)) for pixels, labels in found]


@pytest.mark.cuda
def test_copies_are_complete_when_they_are_used(monkeypatch):
    """Without the wait for the copying stream the same steps see incomplete copies."""
    device = torch.device("cuda", torch.cuda.current_device())
    size = 2 * 3 * 32 * 256 * 256
    expected = [(number * size, 2 * number) for number in range(1, 6)]
    assert sums(device) == expected
    torch.cuda.synchronize()
    torch.cuda.empty_cache()  # memory that is used again could hold an old, correct copy
    torch.full((2 * size,), 0, dtype=torch.uint8, device=device)
    torch.cuda.synchronize()
    monkeypatch.setattr(torch.cuda.Stream, "wait_stream", lambda self, other: None)
    assert sums(device) != expected


@pytest.mark.cuda
def test_passes_over_the_data_keep_no_more_memory_each_time():
    """The allocator keeps memory per stream: with a new stream per pass the memory grew."""
    device = torch.device("cuda", torch.cuda.current_device())
    reserved = []
    for _ in range(5):
        for batch in DeviceBatches(large_batches(), device):
            batch.inputs[0].sum()
        torch.cuda.synchronize()
        reserved.append(torch.cuda.memory_reserved(device))
    assert reserved[1:] == [reserved[1]] * 4
