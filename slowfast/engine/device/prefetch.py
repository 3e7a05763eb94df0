"""Batches on the device, copied there while it computes.

Notable: no batch is fetched before its turn. A loop hands a GPU its steps ahead of time, so the
next batch is asked for while the device still computes the last; on a stream of its own its copy
need not wait for that.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from slowfast.ak.losses import check_targets


class DeviceBatches:
    """A loader's batches, with clips and labels on a device.

    Args:
        loader: of ``(clips,), labels, index, ...``: uint8 (N, 3, T, H, W); (N, C) or (N,); (N,).
            Their copies hold nothing up where they are in pinned memory.
        device: where they go.
        prefetch: copy on a stream of its own, where the device is a GPU.
    """

    def __init__(self, loader: Iterable[Any], device: torch.device, prefetch: bool = True) -> None:
        self._loader, self._device = loader, device
        on_stream = prefetch and device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_stream else None

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yields clips, labels and, still on the CPU, the clips' indices.

        Raises:
            UserError: labels (N, C) that are no targets.
        """
        for (clips,), labels, index, *_ in self._loader:
            if labels.ndim == 2:
                check_targets(labels)  # here, where looking at them waits for no device
            yield *self._copied(clips, labels), index

    def _copied(self, *batch: Tensor) -> list[Tensor]:
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            copies = [part.to(self._device, non_blocking=True) for part in batch]
        if self._stream is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_stream(self._stream)
            for copy in copies:
                # Their memory belongs to the other stream, which may not reuse it before this one
                # is done with them.
                copy.record_stream(current)
        return copies
