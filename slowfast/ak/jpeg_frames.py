"""Frames that lie extracted, a JPEG file each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from slowfast.ak.clip_list import ClipList
from slowfast.ak.errors import BadClip
from slowfast.ak.reader import Reader, reason


class JpegFrames(Reader):
    """A file a frame, at the list's path below a folder."""

    def __init__(self, clips: ClipList, folder: str | Path):
        super().__init__(clips)
        self.folder = str(folder)

    def path(self, clip: int, frame: int) -> Path:
        """File of a frame; an absolute path in the list stays as it is."""
        return Path(self.folder, self.clips.frame_path(clip, frame))

    def missing(self, clip: int) -> tuple[int, Path] | None:
        """The first or the last frame, whose file is not there, and the file; else None."""
        for frame in (0, self.clips.num_frames(clip) - 1):
            path = os.path.join(self.folder, self.clips.frame_path(clip, frame))  # noqa: PTH118
            if not os.path.isfile(path):  # noqa: PTH113 -- asked 48,000 times; Path takes twice as long
                return frame, Path(path)
        return None

    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes the files of the frames, one after the other."""
        for frame in indices:
            path = self.path(clip, frame)
            try:
                data = np.fromfile(path, np.uint8)
                image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
            except (OSError, cv2.error) as error:
                raise self._unreadable(clip, path, reason(error)) from None
            if image is None:
                raise self._unreadable(clip, path, f"{len(data)} bytes that are no image")
            yield cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)

    def _unreadable(self, clip: int, path: Path, found: str) -> BadClip:
        return BadClip(
            f"{path}: cannot read this frame of clip {self.clips.name(clip)}: {found}. Extract or "
            f"copy the clip's frames again, or take its lines out of {self.clips.path}."
        )
