"""Frames of videos, a file a clip: frame k is frame k of the images extracted from the video.

Frames are found by their time stamps (`slowfast.ak.frames.timeline`): the reader seeks to the key
frame before a frame and decodes from there to it. Where stamps are missing or do not hold, it
decodes from the start and counts. All of a file is decoded in between, though FFmpeg could skip
frames that no other refers to: then no gap in the stamps could be told from a broken file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from slowfast.ak import paths
from slowfast.ak.errors import BadClip
from slowfast.ak.frames import pyav as video_pyav
from slowfast.ak.frames import torchcodec as video_torchcodec
from slowfast.ak.frames.pyav import Frames
from slowfast.ak.frames.reader import Reader, reason
from slowfast.ak.frames.timeline import Timeline, read_timeline
from slowfast.ak.lists.clip_list import ClipList

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
# As files end: cameras write .MP4.
VIDEO_ENDINGS = (*VIDEO_EXTENSIONS, *map(str.upper, VIDEO_EXTENSIONS))
# What a clip's name may lack of its file's: nothing, where it names the file itself.
_ENDINGS = ("", *VIDEO_ENDINGS)
_NONE, _UNKNOWN = -1, -2  # no such file; not looked for yet


@dataclass(frozen=True)
class Decoding:
    """How videos are decoded.

    with_torchcodec: with torchcodec instead of PyAV, on the device `cpu` or `cuda`.
    fps: the rate at which frames are counted: frame k is the one nearest to k / fps seconds, taking
        the video's mean rate as its rate throughout. 0: the video's own frames.
    """

    with_torchcodec: bool = False
    device: str = "cpu"
    fps: float = 0

    @classmethod
    def from_cfg(cls, cfg, fps: float = 0) -> Decoding:
        """By DATA.DECODING_BACKEND and DATA.DECODING_DEVICE."""
        data = cfg.DATA
        return cls(data.DECODING_BACKEND == "torchcodec", data.DECODING_DEVICE, fps)


class VideoFrames(Reader):
    """A video a clip: the file that the clip's name is, or `<clip name>.mp4` or another of
    VIDEO_ENDINGS, below a folder.

    One thread decodes: workers run beside each other already. A video that ends before the list
    says repeats its last frame, and `amiss` tells of it. Raises UserError where torchcodec is
    asked for and cannot be had.
    """

    TIMELINES_KEPT = 1024

    def __init__(self, clips: ClipList, folder: str | Path, decoding: Decoding | None = None):
        super().__init__(clips)
        self.folder, self.decoding = str(folder), decoding or Decoding()
        if self.decoding.with_torchcodec:
            self._device = video_torchcodec.find_device(self.decoding.device)
        self._ending = np.full(len(clips), _UNKNOWN, np.int8)
        if not paths.is_remote(self.folder):
            self._look_through_folder()
        self._timelines: OrderedDict[int, Timeline | None] = OrderedDict()
        self._counts: dict[int, int] = {}

    def _look_through_folder(self) -> None:
        """Find the files that lie in the folder itself by one look at it."""
        try:
            with os.scandir(self.folder or ".") as entries:
                present = {entry.name for entry in entries if entry.is_file()}
        except OSError:
            return  # each is looked for by itself
        for clip in range(len(self.clips)):
            name = self.clips.name(clip)
            if "/" not in name:
                self._ending[clip] = self._find(name, present.__contains__)

    @staticmethod
    def _find(name: str, is_file) -> int:
        return next((i for i, end in enumerate(_ENDINGS) if is_file(name + end)), _NONE)

    def path(self, clip: int) -> str:
        """The clip's video; the .mp4 that should be there if none is."""
        if self._ending[clip] == _UNKNOWN:
            name = paths.join(self.folder, self.clips.name(clip))
            self._ending[clip] = self._find(name, paths.is_file)
        return self.place(clip)

    def place(self, clip: int) -> str:
        """The clip's video as far as it has been looked for, else the .mp4 that should be there."""
        name = paths.join(self.folder, self.clips.name(clip))
        if self._ending[clip] >= 0:
            return name + _ENDINGS[self._ending[clip]]
        return name if name.endswith(VIDEO_ENDINGS) else f"{name}.mp4"

    def missing(self, clip: int) -> tuple[int, Path | str] | None:
        """The first frame and the video that should be there; None where it is."""
        path = self.path(clip)
        return (0, path) if self._ending[clip] == _NONE else None

    def num_frames(self, clip: int) -> int:
        """As many as the list says, or else as the video has.

        Raises BadClip where the video has to tell, and cannot.
        """
        listed = self.clips.num_frames(clip)
        if listed is not None and not self.decoding.fps:
            return listed
        last = (listed or self._count(clip)) - 1
        return int(last / self._step(clip) + 1e-6) + 1

    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes by time stamps, and by counting from the first frame where these fail."""
        yield from self._at_rate(clip, indices, self._decode)

    def _stand_ins(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """What decodes from the video's start up to the fault; beyond it the last frame again."""
        yield from self._at_rate(clip, wanted, partial(self._decode_to_fault, error))

    def _at_rate(
        self,
        clip: int,
        indices: Sequence[int],
        decode: Callable[[int, list[int]], Iterator[np.ndarray]],
    ) -> Iterator[np.ndarray]:
        """What a function decodes of a clip, each frame as often as the rate has it."""
        step = self._step(clip)
        wanted = [round(index * step) for index in indices]
        decoded, last, pixels = decode(clip, sorted(set(wanted))), -1, None
        for frame in wanted:
            if frame != last:
                last, pixels = frame, next(decoded)
            yield pixels

    def _decode_to_fault(
        self, error: BadClip, clip: int, indices: list[int]
    ) -> Iterator[np.ndarray]:
        frame = -1
        try:
            path = paths.local_path(self.path(clip))
            found = video_pyav.by_count(path, indices, stop_at_fault=True)
            for index, (frame, pixels) in zip(indices, found, strict=False):
                if frame < index:
                    self._note_end(clip, frame + 1, f"{error} ")
                yield pixels
        except (OSError, av.FFmpegError):
            raise error from None
        if frame < 0:
            raise error

    def _decode(self, clip: int, indices: list[int]) -> Iterator[np.ndarray]:
        pending = list(indices)
        with self._file(clip) as path:
            for decode in self._ways(clip, path):
                for frame, pixels in decode(list(pending)):
                    if frame < pending.pop(0):
                        self._note_end(clip, frame + 1)
                    yield pixels
                if not pending:
                    return
            raise OSError("it has no picture")

    def _ways(self, clip: int, path: str) -> Iterator[Callable[[list[int]], Frames]]:
        """The ways to decode a clip, the best first; the next one is for what one leaves over."""
        if self.decoding.with_torchcodec and (timeline := self._timeline(clip)):
            yield partial(video_torchcodec.by_number, path, timeline, self._device)
        with video_pyav.open_video(path) as opened:
            if timeline := self._timeline(clip, *opened):
                yield partial(video_pyav.by_time, *opened, timeline)
                self._timelines[clip] = None  # its stamps do not hold: count, now and later
        yield partial(video_pyav.by_count, path)

    def _timeline(self, clip: int, *opened) -> Timeline | None:
        """The clip's timeline, read from the file where it is open already."""
        if clip in self._timelines:
            self._timelines.move_to_end(clip)
            return self._timelines[clip]
        if not opened:
            with video_pyav.open_video(paths.local_path(self.path(clip))) as opened:
                return self._timeline(clip, *opened)
        self._timelines[clip] = read_timeline(*opened)
        if len(self._timelines) > self.TIMELINES_KEPT:
            self._timelines.popitem(last=False)
        return self._timelines[clip]

    def _count(self, clip: int) -> int:
        """How many frames the video has."""
        with self._file(clip) as path:
            timeline = self._timeline(clip)
            if timeline:
                return len(timeline.pts)
            if clip not in self._counts:
                self._counts[clip] = video_pyav.count_frames(path)
            if not self._counts[clip]:
                raise OSError("it has no picture")
            return self._counts[clip]

    def _step(self, clip: int) -> float:
        """Frames of the video for each frame that is counted."""
        if not self.decoding.fps:
            return 1.0
        with self._file(clip):
            timeline = self._timeline(clip)
        return timeline.fps / self.decoding.fps if timeline and timeline.fps else 1.0

    def _note_end(self, clip: int, decodable: int, fault: str = "") -> None:
        listed = self.clips.num_frames(clip)
        told = "its packets say" if listed is None else "the list says"
        self.amiss[clip] = (
            f"{fault}{self.path(clip)}: has {decodable} frames that decode, {told} "
            f"{listed or self._count(clip)}; its last frame is repeated."
        )

    @contextmanager
    def _file(self, clip: int) -> Iterator[str]:
        """Where the clip's video lies on this machine; what goes wrong with it becomes BadClip."""
        path = self.path(clip)
        try:
            yield paths.local_path(path)
        except (OSError, av.FFmpegError) as error:
            raise BadClip(
                f"{path}: cannot decode the video of clip {self.clips.name(clip)}: "
                f"{reason(error)}. Copy or convert it again, or take its lines out of "
                f"{self.clips.path}."
            ) from None
