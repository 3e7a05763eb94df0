"""The videos of a folder: their properties, and finding them by the names that a table gives them.

A table can name a video by its path on another machine, with another extension, without one, or by
the name of an observation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import av
import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import open_container
from slowfast.ak.frames.reader import reason
from slowfast.ak.frames.video import VIDEO_EXTENSIONS
from slowfast.ak.nearest import nearest

_URL = re.compile(r"file:(//[^/]*)?", re.IGNORECASE)


@dataclass(frozen=True)
class VideoFacts:
    """Properties of a video.

    Attributes:
        seconds: length.
        fps: average frame rate, in frames per second.
        aspect: width of a pixel divided by its height; 1 for most videos.
        stamps: (frames,) when each frame begins, in seconds from the first one; None: not known.
    """

    seconds: float
    fps: Fraction
    aspect: Fraction = Fraction(1)
    stamps: np.ndarray | None = field(default=None, compare=False)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return round(self.seconds * self.fps) if self.stamps is None else len(self.stamps)

    def time_of(self, frame: int) -> float:
        """When a frame begins, in seconds; for the number of frames, when the last one ends."""
        if self.stamps is None:
            return float(frame / self.fps)
        return float(self.stamps[frame]) if frame < len(self.stamps) else self.seconds


def probe(path: Path) -> VideoFacts:
    """Reads the properties of a video.

    Raises:
        UserError: there is no such file, or it is not a video.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with open_container(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path}: has no video stream")
            stream = container.streams.video[0]
            fps = stream.average_rate or stream.guessed_rate or Fraction(25)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            # The length in the header is an estimate in many files; the packets have exact times.
            begins, ends = [], []
            for packet in container.demux(stream):
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is not None:
                    begins.append(stamp)
                    ends.append(stamp + (packet.duration or 1 / (fps * stream.time_base)))
            if not begins:
                raise UserError(f"{path}: has no frames")
            first, base = min(begins), stream.time_base
            seconds = float((max(ends) - first) * base)
            stamps = np.sort((np.array(begins, dtype=np.int64) - first) * float(base))
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{path}: cannot be opened as a video ({reason(error)})") from error
    return VideoFacts(seconds, fps, aspect, stamps)


def has_audio(path: Path) -> bool:
    """Whether a video has sound; False for a file that cannot be opened."""
    try:
        with open_container(str(path)) as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError):
        return False


class VideoFolder:
    """The videos below a folder.

    Args:
        leave_out: a folder below it that is not looked through.
        names_are_paths: whether the names of the table are paths that were read on this computer,
            as those of a prediction are. A video that is at its path is then taken from there.
    """

    def __init__(
        self, folder: Path, leave_out: Path | None = None, names_are_paths: bool = False
    ) -> None:
        self.folder, self.leave_out = folder, leave_out
        self.names_are_paths = names_are_paths

    def find(self, name: str) -> str:
        """Returns the path of the video that a table calls `name`.

        The path is relative to the folder, or absolute if the video is not below the folder.
        The same path below the folder is taken first; then a file of the same name; then one that
        differs in case only; then one with another ending, or none in the name. Of several such
        files, the one whose folders are most like those in the name is taken.

        Raises:
            UserError: there is no such video, or several files fit equally well.
        """
        if self.names_are_paths and Path(name).is_file():
            return self._by_real_path.get(os.path.realpath(name), str(Path(name).absolute()))
        if not Path(name).is_absolute() and (self.folder / name).is_file():
            return name
        path = _parts(name)
        if path and (self.folder / "/".join(path)).is_file():
            return "/".join(path)
        for alike in _LIKENESS:
            wanted = alike(path[-1]) if path else ""
            if found := [file for file in self.files if alike(file.rpartition("/")[2]) == wanted]:
                return self._best(name, path, found)
        if Path(name).is_file():
            return str(Path(name).absolute())
        raise UserError(self._not_found(name, path))

    def _best(self, name: str, path: list[str], found: list[str]) -> str:
        """The file whose last folders are those of the name.

        Raises:
            UserError: several files have the same number of equal folders.
        """
        equal = [_equal_folders(path, file.split("/")) for file in found]
        best = [file for file, number in zip(found, equal, strict=True) if number == max(equal)]
        if len(best) == 1:
            return best[0]
        raise UserError(
            f"{name}: can be any of {', '.join(best)} in {self.folder}; write the one that is "
            "meant, with its folder, into the table"
        )

    def _not_found(self, name: str, path: list[str]) -> str:
        if not self.folder.is_dir():
            found = "a file" if self.folder.exists() else "no such folder"
            return f"{self.folder}: {found}; expected the folder of the videos"
        near = nearest(path[-1] if path else name, [file.rpartition("/")[2] for file in self.files])
        shown = name if path != name.split("/") else self.folder / name
        text = f"{shown}: no such file"
        if shown == name:
            text += f", and no video {(path or [name])[-1]!r} in {self.folder}"
        if self.names_are_paths and not Path(name).is_absolute():
            text += (
                "; start the command in the folder in which tools/predict.py was started, or put "
                f"the video below {self.folder}"
            )
        if near:
            return f"{text}; did you mean {' or '.join(near)}?"
        some = ", ".join(self.files[:5]) + (", ..." if len(self.files) > 5 else "")
        return f"{text}; the videos there are {some}" if some else f"{text}; there is no video"

    @cached_property
    def _by_real_path(self) -> dict[str, str]:
        """The videos below the folder by their paths without links."""
        return {os.path.realpath(self.folder / file): file for file in self.files}

    @cached_property
    def files(self) -> list[str]:
        """All videos below the folder, as paths with slashes, sorted."""
        found, left_out = [], self.leave_out.resolve() if self.leave_out else None
        for folder, folders, files in os.walk(self.folder):
            here = Path(folder)
            folders[:] = [
                one for one in folders if one[0] != "." and (here / one).resolve() != left_out
            ]
            found += [
                (here / file).relative_to(self.folder).as_posix()
                for file in files
                if file[0] != "." and file.lower().endswith(VIDEO_EXTENSIONS)
            ]
        return sorted(found)


def folders_differ(one: str, other: str) -> bool:
    """Whether two names state different folders, so that they can be different videos."""
    folders = [[part.casefold() for part in _parts(name)[:-1]] for name in (one, other)]
    shorter = min(map(len, folders))
    return shorter > 0 and folders[0][-shorter:] != folders[1][-shorter:]


def without_ending(name: str) -> str:
    """A file name without the ending of a video; points elsewhere in the name stay."""
    stem, point, ending = name.rpartition(".")
    return stem if point and f".{ending}".lower() in VIDEO_EXTENSIONS else name


# How a file can be like a name, the closest first.
_LIKENESS: tuple[Callable[[str], str], ...] = (
    lambda name: name,
    str.casefold,
    without_ending,
    lambda name: without_ending(name).casefold(),
)


def _parts(name: str) -> list[str]:
    """The folders and the file name of a path of any machine, or of a file URL."""
    if url := _URL.match(name):
        name = unquote(name[url.end() :])
    parts = name.replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".") and not part.endswith(":")]


def _equal_folders(one: list[str], other: list[str]) -> int:
    """The number of folders that are equal, from the file names upward."""
    number = 0
    for a, b in zip(one[-2::-1], other[-2::-1], strict=False):
        if a.casefold() != b.casefold():
            break
        number += 1
    return number
