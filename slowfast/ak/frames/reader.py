"""What a data set asks of whatever holds the frames of its clips.

Frames are uint8 (H, W, 4), RGBX, in their own size, one at a time: what is scaled at once need not
be kept. The fourth byte of a pixel means nothing; decoding and scaling are written for four bytes a
pixel in the libraries that do them, and take half the time that they take for three.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.lists.clip_list import HOW_TO_GET_DATA, ClipList

logger = logging.getLogger(__name__)

# Disks, and still more file servers, answer many questions at once; each thread only waits.
CHECK_THREADS = 32
_NAMED = 5


class Reader(ABC):
    """Gives frames of the clips of a list.

    amiss: what was wrong with clips that gave all frames asked for nevertheless, in words. Whoever
    reads takes it out, and tells it.
    """

    def __init__(self, clips: ClipList):
        self.clips = clips
        self.amiss: dict[int, str] = {}

    def num_frames(self, clip: int) -> int:
        """How many frames a clip has to choose from: as many as the list says.

        Readers that serve lists which do not say find out, and raise BadClip where they cannot.
        """
        return self.clips.num_frames(clip)

    @abstractmethod
    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """The frames at distinct, ascending indices, each decoded once, as it is asked for.

        A frame is good until the next one is asked for: its memory may be used again. Raises
        BadClip, with clip and path, where a frame does not decode.
        """

    def salvage(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """As `frames`; but for a frame that does not decode another of the clip stands in.

        `amiss` tells of it, once all are read. Raises BadClip where no frame decodes.
        """
        wanted = list(indices)
        try:
            for frame in self.frames(clip, indices):
                del wanted[0]
                yield frame
        except BadClip as error:
            yield from self._stand_ins(clip, wanted, error)

    def _stand_ins(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """What `salvage` gives from the first frame on that does not decode, for which `error`."""
        raise error

    @abstractmethod
    def place(self, clip: int) -> str:
        """The file or the folder that a clip's frames should be in; nothing is looked at."""

    @abstractmethod
    def missing(self, clip: int) -> tuple[int, str | Path] | None:
        """The first frame of a clip whose file is not there, and the file; None where all seem
        there.

        Looks at file names alone, and only at the ends of a clip.
        """

    def read(self, clip: int, indices: Sequence[int]) -> np.ndarray:
        """Frames at indices in any order, repeated or not, as RGB (n, H, W, 3)."""
        distinct, place = np.unique(np.asarray(indices), return_inverse=True)
        rgb = [frame[..., :3].copy() for frame in self.frames(clip, distinct.tolist())]
        return np.stack(rgb)[place]

    @cached_property
    def absent(self) -> list[tuple[int, int, Path]]:
        """Clip, frame and file of all clips of which `missing` tells a file; looked for once."""
        parts = np.array_split(np.arange(len(self.clips)), CHECK_THREADS)
        with ThreadPoolExecutor(CHECK_THREADS) as pool:
            found = pool.map(lambda part: [(i, self.missing(i)) for i in part.tolist()], parts)
            return [(clip, *what) for part in found for clip, what in part if what]

    def check(self, tolerated: int = 0, rule: str = "DATA.MAX_BAD_FRACTION") -> None:
        """Raise UserError, with the list's file and line, if more clips than that lack files, and
        where whatever holds them does not answer; warn of fewer.

        rule: what tolerates them, for the message.
        """
        try:
            if not self.absent:
                return
        except OSError as error:
            raise UserError(
                f"{self.clips.path}: the files of its clips cannot be looked for: {error}. See "
                f"whether {self.place(0)} can be reached."
            ) from None
        clip, frame, path = self.absent[0]
        text = (
            f"{self.clips.path}:{self.clips.line(clip, frame)}: clip {self.clips.name(clip)}: "
            f"there is no file {path}."
        )
        lacking = len(self.absent)
        if lacking > 1 or tolerated:
            text += f" {lacking} of {len(self.clips)} clips lack files in all"
            text += f"; {rule} lets {tolerated} pass." if tolerated else "."
        if lacking > tolerated:
            raise UserError(
                f"{text}\nPut the data there, or correct DATA.PATH_PREFIX (images), "
                "AK.VIDEO_PREFIX (videos) or AK.FRAMES (which of the two).\n"
                f"{HOW_TO_GET_DATA}"
            )
        if lacking > 1:
            names = ", ".join(self.clips.name(clip) for clip, *_ in self.absent[:_NAMED])
            text += f" They are {names}{', ...' if lacking > _NAMED else ''}."
        logger.warning(text)


def reason(error: Exception) -> str:
    """What went wrong, without the number and the path that str(error) adds to it."""
    return getattr(error, "strerror", None) or str(error)
