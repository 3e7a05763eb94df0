"""Frames that lie extracted, an image file each: JPEGs as a rule."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from slowfast.ak.errors import BadClip
from slowfast.ak.frames.folder import frame_files
from slowfast.ak.frames.image import decode
from slowfast.ak.frames.reader import Reader, reason
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import is_file, is_folder, join, local_path


class JpegFrames(Reader):
    """A file a frame, at the list's path below a folder."""

    def __init__(self, clips: ClipList, folder: str | Path):
        super().__init__(clips)
        self.folder = str(folder)
        self._listed: tuple[int, list[str]] = (-1, [])

    def num_frames(self, clip: int) -> int:
        """As many as the list says; if it does not, as many as there are in the clip's folder.

        Raises BadClip where that has none.
        """
        told = self.clips.num_frames(clip)
        return len(self._files(clip)) if told is None else told

    def path(self, clip: int, frame: int) -> str:
        """File of a frame; an absolute path in the list, or one with a scheme, stays as it is."""
        if self.clips.tells_frames:
            return join(self.folder, self.clips.frame_path(clip, frame))
        return f"{self._clip_folder(clip)}/{self._files(clip)[frame]}"

    def paths(self, clip: int) -> list[str]:
        """Files of all frames of a clip. Raises BadClip as `num_frames`."""
        if self.clips.tells_frames:
            return [self.path(clip, frame) for frame in range(self.clips.num_frames(clip))]
        folder = self._clip_folder(clip)
        return [f"{folder}/{file}" for file in self._files(clip)]

    def place(self, clip: int) -> str:
        """The folder of the clip's first frame."""
        if not self.clips.tells_frames:
            return self._clip_folder(clip)
        return os.path.dirname(self.path(clip, 0))  # noqa: PTH120 -- it may be remote

    def missing(self, clip: int) -> tuple[int, str] | None:
        """The first or the last frame, whose file is not there, and the file; else None.

        Of a list that tells no frames, the first one, where the clip has no folder.
        """
        if not self.clips.tells_frames:
            folder = self._clip_folder(clip)
            return None if is_folder(folder) else (0, f"{folder}/*.jpg")
        for frame in (0, self.clips.num_frames(clip) - 1):
            path = self.path(clip, frame)
            if not is_file(path):
                return frame, path
        return None

    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes the files of the frames, one after the other, into the same memory."""
        image = None
        for frame in indices:
            path = self.path(clip, frame)
            try:
                image = decode(_read(local_path(path)), image)
            except (OSError, ValueError) as error:
                raise self._unreadable(clip, path, reason(error)) from None
            yield image

    def _stand_ins(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """For each frame itself, or the nearest that decodes, of two the earlier."""
        broken: set[int] = set()
        replaced = 0
        for frame in wanted:
            by_distance = sorted(range(self.num_frames(clip)), key=lambda k: abs(k - frame))
            for near in by_distance:
                if near in broken:
                    continue
                try:
                    image = next(self.frames(clip, [near]))
                except BadClip:
                    broken.add(near)
                else:
                    break
            else:
                raise error
            replaced += near != frame
            yield image
        self.amiss[clip] = (
            f"{error} Of the frames of this clip that are looked at, {replaced} do not decode."
        )

    def _clip_folder(self, clip: int) -> str:
        return join(self.folder, self.clips.name(clip))

    def _files(self, clip: int) -> list[str]:
        """Frames in a clip's folder, in their order; kept until another clip is asked for."""
        listed, files = self._listed
        if clip != listed:
            folder = self._clip_folder(clip)
            try:
                files = frame_files(folder)
            except OSError as error:
                raise self._unreadable(clip, folder, reason(error), "the frames") from None
            if not files:
                found = "no file of its folder is a frame, <name>_000001.jpg"
                raise self._unreadable(clip, folder, found, "the frames")
            self._listed = clip, files
        return files

    def _unreadable(self, clip: int, path: str, found: str, what: str = "this frame") -> BadClip:
        return BadClip(
            f"{path}: cannot read {what} of clip {self.clips.name(clip)}: {found}. Extract or "
            f"copy the clip's frames again, or take its lines out of {self.clips.path}."
        )


def _read(path: str) -> bytes:
    """A file's bytes, in a third of the time that np.fromfile takes for a small one."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # which Windows alone has
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size)
        while len(data) < size and (more := os.read(file, size - len(data))):
            data += more  # some file systems give less at a time than is asked for
        return data
    finally:
        os.close(file)
