"""Windows of a video in blocks. Each frame is decoded and scaled once, however windows overlap.

A block has the frames of some consecutive windows. The frames that it shares with the block before
are copied from there, scaled. Two blocks of frames are in memory, whatever the length of the video
and the size of its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast.ak.clips.sampling import scaled_size
from slowfast.ak.clips.views import ClipViews, UniformCrops, scale_to_rgb
from slowfast.ethograms.windows import Windows

BLOCKS_IN_MEMORY = 2


@dataclass(frozen=True)
class FrameSampling:
    """Which frames a window takes: one from each of its cells, `offset` frames after its start.

    Attributes:
        num_frames: T, the frames and cells of a window.
        rate: frames of a cell.
        offset: 0 for dense sampling; half a cell for uniform sampling, as validation takes them.
    """

    num_frames: int
    rate: int
    offset: int = 0

    def cells(self, length: int) -> int:
        """The number of cells of a video of `length` frames. The last cell can be shorter."""
        return -(-length // self.rate)

    def edges(self, length: int) -> np.ndarray:
        """(G + 1,) the first frame of each cell, and the number of frames."""
        return np.append(self.rate * np.arange(self.cells(length)), length)

    def indices(self, windows: Windows, length: int) -> np.ndarray:
        """(W, T) ascending frames of each window. Beyond the end, the last frame stands."""
        cells = windows.starts[:, None] + np.arange(self.num_frames)
        return np.minimum(self.rate * cells + self.offset, length - 1)


@dataclass(frozen=True)
class Block:
    """Consecutive windows of a video.

    Attributes:
        first: number of the first window.
        count: their number.
        views: view v is window `first` + v // S at crop v % S.
    """

    first: int
    count: int
    views: ClipViews


def blocks(
    indices: np.ndarray,
    frames: Callable[[Sequence[int]], Iterator[np.ndarray]],
    crops: UniformCrops,
    size: int,
    first: int = 0,
) -> Iterator[Block]:
    """Yields the windows of a video in order. A block is valid until the next but one is asked for.

    It ends early if there are fewer frames, with the last window whose frames are all there.

    Args:
        indices: (W, T) frames of each window, ascending in both directions.
        frames: gives the frames (H, W, 4) uint8 at ascending indices.
        size: windows of a block.
        first: the window to begin with.
    """
    distinct, rows = np.unique(indices[first:], return_inverse=True)
    rows = rows.reshape(-1, indices.shape[1])
    count = len(rows)
    ends = [(start, min(start + size, count)) for start in range(0, count, size)]
    capacity = max((rows[stop - 1, -1] - rows[start, 0] + 1 for start, stop in ends), default=0)
    pixels = frames(distinct.tolist())
    memory: list[np.ndarray] = []
    low = read = 0  # the first row in memory, and the row that is read next
    for number, (start, stop) in enumerate(ends):
        before, held = low, read
        low, high = int(rows[start, 0]), int(rows[stop - 1, -1]) + 1
        for row in range(held, high):
            frame = next(pixels, None)
            if frame is None:
                break
            if not memory:
                shape = scaled_size(*frame.shape[:2], crops.side)
                memory = [
                    np.empty((capacity, *shape, 3), np.uint8) for _ in range(BLOCKS_IN_MEMORY)
                ]
                unused = np.empty((*shape, 4), np.uint8)
            scale_to_rgb(frame, memory[number % BLOCKS_IN_MEMORY][row - low], unused)
            read = row + 1
        own = memory[number % BLOCKS_IN_MEMORY] if memory else None
        if own is not None and held > low:
            shared = memory[(number - 1) % BLOCKS_IN_MEMORY]
            own[: held - low] = shared[low - before : held - before]
        complete = int(np.searchsorted(rows[start:stop, -1], read))
        if complete:
            temporal = rows[start : start + complete] - low
            yield Block(first + start, complete, crops.views(own[: high - low], temporal))
        if complete < stop - start:
            return
    next(pixels, None)  # so that the reader can note what it replaced
