"""What a data set asks of whatever holds the frames of its clips.

Frames are uint8 (H, W, 4), RGBX, in their own size, one at a time: what is scaled at once need not
be kept. The fourth byte of a pixel means nothing; decoding and scaling are written for four bytes a
pixel in the libraries that do them, and take half the time that they take for three.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from slowfast.ak.clip_list import HOW_TO_GET_DATA, ClipList
from slowfast.ak.errors import UserError

# Disks, and still more file servers, answer many questions at once; each thread only waits.
CHECK_THREADS = 32


class Reader(ABC):
    """Gives frames of the clips of a list."""

    def __init__(self, clips: ClipList):
        self.clips = clips

    def num_frames(self, clip: int) -> int:
        """How many frames a clip has to choose from: as many as the list says."""
        return self.clips.num_frames(clip)

    @abstractmethod
    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """The frames at distinct, ascending indices, each decoded once, as it is asked for.

        A frame is good until the next one is asked for: its memory may be used again. Raises
        BadClip, with clip and path, where a frame does not decode.
        """

    @abstractmethod
    def missing(self, clip: int) -> tuple[int, Path | str] | None:
        """The first frame of a clip whose file is not there, and the file; None where all seem
        there.

        Looks at file names alone, and only at the ends of a clip.
        """

    def read(self, clip: int, indices: Sequence[int]) -> np.ndarray:
        """Frames at indices in any order, repeated or not, as RGB (n, H, W, 3)."""
        distinct, place = np.unique(np.asarray(indices), return_inverse=True)
        rgb = [frame[..., :3].copy() for frame in self.frames(clip, distinct.tolist())]
        return np.stack(rgb)[place]

    def check(self) -> None:
        """Raise UserError, with the list's file and line, if the files of any clip are missing."""
        parts = np.array_split(np.arange(len(self.clips)), CHECK_THREADS)
        with ThreadPoolExecutor(CHECK_THREADS) as pool:
            found = pool.map(lambda part: [(i, self.missing(i)) for i in part.tolist()], parts)
            missing = [(clip, what) for part in found for clip, what in part if what]
        if not missing:
            return
        clip, (frame, path) = missing[0]
        others = f" {len(missing)} clips lack files in all." if len(missing) > 1 else ""
        raise UserError(
            f"{self.clips.path}:{self.clips.line(clip, frame)}: clip {self.clips.name(clip)}: "
            f"there is no file {path}.{others}\nPut the data there, or correct DATA.PATH_PREFIX "
            f"(images), AK.VIDEO_PREFIX (videos) or AK.FRAMES (which of the two).\n"
            f"{HOW_TO_GET_DATA}"
        )


def reason(error: Exception) -> str:
    """What went wrong, without the number and the path that str(error) adds to it."""
    return getattr(error, "strerror", None) or str(error)
