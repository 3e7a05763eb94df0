"""A test clip with all its views. Each frame is decoded and scaled once.

Ten windows in time and three crops make 30 views, which share most of their frames and pixels. A
`ClipViews` holds the frames once, as uint8, and cuts views out of them on request, on the device
of the frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from slowfast.ak.clips.sampling import crop_corners, scale, scaled_size


@dataclass(frozen=True)
class ClipViews:
    """The views of one clip. View v is window v // S of Vt windows, at crop v % S of S crops.

    Args:
        frames: (D, H, W, 3) uint8 RGB, the different frames of all views, scaled.
        temporal: (Vt, T) int64, rows of `frames`.
        corners: (S, 2) int64 y0, x0, on the CPU.
        size: the side of the square crops, in pixels.
    """

    frames: Tensor
    temporal: Tensor
    corners: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.temporal) * len(self.corners)

    def batch(self, start: int, stop: int) -> Tensor:
        """Views start..stop-1 as uint8 (n, 3, T, size, size); `stop` can be after the last view."""
        stop = min(stop, len(self))
        if not 0 <= start < stop:
            raise IndexError(f"views {start}..{stop} of a clip that has {len(self)}")
        crops = []
        for corner, (y0, x0) in enumerate(self.corners.tolist()):
            # The first window that is needed at this crop, and the one after the last.
            first, after = (-(-(edge - corner) // len(self.corners)) for edge in (start, stop))
            square = self.frames[:, y0 : y0 + self.size, x0 : x0 + self.size]
            crops.append((corner + first * len(self.corners), square, self.temporal[first:after]))
        views = torch.empty(
            (stop - start, 3, self.temporal.shape[1], self.size, self.size),
            dtype=torch.uint8,
            device=self.frames.device,
        )
        for view, square, rows in crops:
            views[view - start :: len(self.corners)] = square[rows].permute(0, 4, 1, 2, 3)
        return views

    def to(self, device: torch.device | str, non_blocking: bool = True) -> ClipViews:
        """Returns the views with frames and windows on a device."""
        return replace(
            self,
            frames=self.frames.to(device, non_blocking=non_blocking),
            temporal=self.temporal.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> ClipViews:
        """Returns the views in page-locked memory, from which copies do not block."""
        return replace(self, frames=self.frames.pin_memory(), temporal=self.temporal.pin_memory())


@dataclass(frozen=True)
class FeatureViews:
    """The features of all views of one clip, in place of `ClipViews`.

    Args:
        rows: (V, P, C) float, a row for each view.
    """

    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, start: int, stop: int) -> Tensor:
        """The features (n, P, C) of views start..stop-1; `stop` can be after the last view."""
        return self.rows[start:stop]

    def to(self, device: torch.device | str, non_blocking: bool = True) -> FeatureViews:
        """Returns the features on a device."""
        return FeatureViews(self.rows.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> FeatureViews:
        """Returns the features in page-locked memory, from which copies do not block."""
        return FeatureViews(self.rows.pin_memory())


@dataclass(frozen=True)
class UniformCrops:
    """The short side scaled to `side`, and `count` square crops spread over the longer one."""

    side: int
    count: int

    def __call__(
        self, frames: Iterable[np.ndarray], rows: np.ndarray, rng: np.random.Generator
    ) -> ClipViews:
        """All views of a clip from its different frames (H, W, 4) uint8; `rows` are `temporal`.

        Each frame is scaled when it comes, so that no frame is kept in its full size.
        """
        scaled = None
        for row, frame in enumerate(frames):
            if scaled is None:
                size = scaled_size(*frame.shape[:2], self.side)
                scaled = np.empty((int(rows.max()) + 1, *size, 3), np.uint8)
                memory = np.empty((*size, 4), np.uint8)
            scale_to_rgb(frame, scaled[row], memory)
        return self.views(scaled, rows)

    def views(self, scaled: np.ndarray, rows: np.ndarray) -> ClipViews:
        """All views of scaled frames (D, H, W, 3) uint8 RGB; `rows` are `temporal`."""
        return ClipViews(
            frames=torch.from_numpy(scaled),
            temporal=torch.from_numpy(rows),
            corners=torch.from_numpy(crop_corners(*scaled.shape[1:3], self.side, self.count)),
            size=self.side,
        )


def scale_to_rgb(frame: np.ndarray, result: np.ndarray, memory: np.ndarray) -> None:
    """Scales a frame (H, W, 4) uint8 to the size of `result` (h, w, 3), and writes it there.

    Args:
        memory: (h, w, 4) uint8, which is overwritten.
    """
    scaled = scale(frame, result.shape[:2], memory)
    cv2.cvtColor(scaled, cv2.COLOR_RGBA2RGB, dst=result)


def view_batches(clips: Iterable[ClipViews], size: int) -> Iterator[tuple[Tensor, list[int]]]:
    """Cuts the views of a stream of clips into batches of ``size`` views. The last can be smaller.

    Yields:
        uint8 (n, 3, T, H, W), and the number of views of each clip whose last view is in the batch.
    """
    parts: list[Tensor] = []
    ends: list[int] = []
    held = 0
    for views in clips:
        start = 0
        while start < len(views):
            stop = min(len(views), start + size - held)
            parts.append(views.batch(start, stop))
            held += stop - start
            if stop == len(views):
                ends.append(len(views))
            if held == size:
                yield torch.cat(parts), ends
                parts, ends, held = [], [], 0
            start = stop
    if parts:
        yield torch.cat(parts), ends
