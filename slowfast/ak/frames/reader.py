"""The interface of frame readers, and the check for missing files.

Frames are uint8 (H, W, 4), RGBX, in their own size. A reader gives one frame at a time, so that a
frame that is scaled at once need not be kept. The fourth byte of a pixel has no meaning: the
libraries decode and scale four bytes a pixel in half the time that they need for three.
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

# Disks and file servers answer many requests at once, so these threads mostly wait.
CHECK_THREADS = 32
_MOST_NAMES = 5  # of clips in a message


class FrameReader(ABC):
    """Gives frames of the clips of a list.

    Attributes:
        problems: for each clip that was read with replaced frames, what is wrong with it. The data
            set takes the entry out and reports it.
    """

    def __init__(self, clips: ClipList):
        self.clips = clips
        self.problems: dict[int, str] = {}

    def num_frames(self, clip: int) -> int:
        """The number of frames of a clip, as the list has it.

        Readers that support lists without frames look for the number, and raise BadClip if they
        cannot find it.
        """
        return self.clips.num_frames(clip)

    def rate(self, clip: int) -> float:
        """Frames a second of a clip; 0 if its frames have no times.

        Raises:
            BadClip: the rate is needed from a file that cannot be read.
        """
        return 0.0

    @abstractmethod
    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes the frames at different, ascending indices, each once and when it is asked for.

        A frame is valid until the next one is asked for: its memory can be used again.

        Raises:
            BadClip: a frame does not decode. The message has the clip and the path.
        """

    def frames_with_replacements(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """As `frames`, but another frame of the clip replaces a frame that does not decode.

        After the last frame, `problems` says what was replaced.

        Raises:
            BadClip: no frame decodes.
        """
        wanted = list(indices)
        try:
            for frame in self.frames(clip, indices):
                del wanted[0]
                yield frame
        except BadClip as error:
            yield from self._replacements(clip, wanted, error)

    def _replacements(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """Gives the wanted frames or others for them; `error` says why the first did not decode."""
        raise error

    @abstractmethod
    def place(self, clip: int) -> str:
        """The file or folder where a clip's frames should be. It does not have to exist."""

    @abstractmethod
    def missing(self, clip: int) -> tuple[int, str | Path] | None:
        """The first frame of a clip whose file is missing, and the file; None if none is missing.

        Only the names of the files of the first and the last frame are looked for.
        """

    def read(self, clip: int, indices: Sequence[int]) -> np.ndarray:
        """RGB (n, H, W, 3) uint8 frames at indices in any order, which can repeat."""
        distinct, place = np.unique(np.asarray(indices), return_inverse=True)
        rgb = [frame[..., :3].copy() for frame in self.frames(clip, distinct.tolist())]
        return np.stack(rgb)[place]

    @cached_property
    def clips_without_files(self) -> list[tuple[int, int, Path]]:
        """Clip, frame and file for all clips with a `missing` file; looked for once."""
        parts = np.array_split(np.arange(len(self.clips)), CHECK_THREADS)
        with ThreadPoolExecutor(CHECK_THREADS) as pool:
            found = pool.map(lambda part: [(i, self.missing(i)) for i in part.tolist()], parts)
            return [(clip, *what) for part in found for clip, what in part if what]

    def check(self, allowed: int = 0, rule: str = "DATA.MAX_BAD_FRACTION") -> None:
        """Warns of clips with missing files.

        Args:
            allowed: the number of clips that may have missing files.
            rule: the setting that allows them, for the message.

        Raises:
            UserError: more clips have missing files, or the place of the files does not answer. The
                message has the list and the line of the first one.
        """
        try:
            if not self.clips_without_files:
                return
        except OSError as error:
            raise UserError(
                f"{self.clips.path}: the files of its clips cannot be looked for: {error}. Check "
                f"whether {self.place(0)} can be reached."
            ) from None
        clip, frame, path = self.clips_without_files[0]
        text = (
            f"{self.clips.path}:{self.clips.line(clip, frame)}: clip {self.clips.name(clip)}: "
            f"there is no file {path}."
        )
        count = len(self.clips_without_files)
        if count > 1 or allowed:
            text += f" {count} of {len(self.clips)} clips lack files in all"
            text += f"; {rule} allows {allowed}." if allowed else "."
        if count > allowed:
            raise UserError(
                f"{text}\nPut the data there, or correct DATA.PATH_PREFIX (images), "
                "AK.VIDEO_PREFIX (videos) or AK.FRAMES (which of the two).\n"
                f"{HOW_TO_GET_DATA}"
            )
        if count > 1:
            first = self.clips_without_files[:_MOST_NAMES]
            names = ", ".join(self.clips.name(clip) for clip, *_ in first)
            text += f" They are {names}{', ...' if count > _MOST_NAMES else ''}."
        logger.warning(text)


def reason(error: Exception) -> str:
    """What went wrong, without the error number and the path that str(error) adds."""
    return getattr(error, "strerror", None) or str(error)
