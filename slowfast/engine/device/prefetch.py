"""Batches on the device, copied there while it computes.

No batch is fetched before its turn. A loop queues its steps on a GPU ahead of time, so it asks for
the next batch while the GPU still computes the last one. A copy on a separate stream does not wait
for that.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import cache

import torch

from slowfast.tasks import Batch


@cache
def copy_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of a GPU on which all batches are copied.

    There is one per device: the allocator keeps freed memory per stream, so that a new stream for
    each pass over the data would keep the memory of some batches each time.
    """
    return torch.cuda.Stream(device)


class DeviceBatches:
    """The batches of a loader on a device; it can be iterated several times, like the loader.

    Args:
        loader: gives batches. Copies from page-locked memory do not block.
        device: where the batches go.
        prefetch: whether to copy on a separate stream, if the device is a GPU.
        check: called with each batch before the copy, on the CPU, where looking at values waits
            for no device; None: nothing is called.
    """

    def __init__(
        self,
        loader: Iterable[Batch],
        device: torch.device,
        prefetch: bool = True,
        check: Callable[[Batch], None] | None = None,
    ) -> None:
        self._loader, self.device, self._check = loader, device, check
        self._stream = copy_stream(device) if prefetch and device.type == "cuda" else None

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches in the order of the loader."""
        for batch in self._loader:
            if self._check:
                self._check(batch)
            yield self._copied(batch)

    def _copied(self, batch: Batch) -> Batch:
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            copy = batch.to(self.device, non_blocking=True)
        if self._stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self._stream)
            for tensor in copy.tensors():
                # The memory belongs to the copying stream, which may not reuse it before the
                # computing stream is done with it.
                tensor.record_stream(current)
        return copy
