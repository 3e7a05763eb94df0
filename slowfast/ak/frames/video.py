"""Reads frames from videos, one file a clip: frame k is the k-th image extracted from the video.

Frames are found by their time stamps: the reader seeks to the key frame before a frame and decodes
up to the frame. If stamps are missing or wrong, it decodes from the start and counts. Everything in
between is decoded, although FFmpeg could skip frames that no other frame needs: then a gap in the
stamps could not be distinguished from a broken file.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from slowfast.ak import paths
from slowfast.ak.errors import BadClip
from slowfast.ak.frames import pyav, torchcodec
from slowfast.ak.frames.pyav import Frames, Timeline, read_timeline
from slowfast.ak.frames.reader import FrameReader, reason
from slowfast.ak.lists.clip_list import ClipList

logger = logging.getLogger(__name__)

VIDEO_EXTENSIONS = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv", ".asf", ".mxf", ".vob", ".dv"),
)
ASSUMED_FPS = 25  # of a file that states none, as FFmpeg assumes
# Cameras also write .MP4.
VIDEO_ENDINGS = (*VIDEO_EXTENSIONS, *map(str.upper, VIDEO_EXTENSIONS))
# The parts of file names after the name of the clip. It is empty if both names are equal.
_ENDINGS = ("", *VIDEO_ENDINGS)
_NO_FILE, _UNKNOWN = -1, -2  # instead of a position in _ENDINGS


@dataclass(frozen=True)
class Decoding:
    """How videos are decoded.

    Args:
        with_torchcodec: whether torchcodec decodes instead of PyAV.
        device: `cpu` or `cuda`, for torchcodec.
        fps: the rate at which frames are counted: frame k is the frame nearest to k / fps seconds
            in a video that has its mean rate throughout. The mean rate comes from the time stamps;
            if they are missing or wrong, from the header. 0: the frames of the video.
    """

    with_torchcodec: bool = False
    device: str = "cpu"
    fps: float = 0

    @classmethod
    def from_cfg(cls, cfg, fps: float = 0) -> Decoding:
        """Reads DATA.DECODING_BACKEND and DATA.DECODING_DEVICE."""
        data = cfg.DATA
        return cls(data.DECODING_BACKEND == "torchcodec", data.DECODING_DEVICE, fps)


class Measure(NamedTuple):
    """The number of frames of a video, and its mean rate in frames a second; 0: unknown."""

    frames: int
    fps: float


class VideoFrames(FrameReader):
    """Reads frames from one video a clip.

    The video is the file with the clip's name, or with the clip's name and one of VIDEO_ENDINGS,
    below a folder. One thread decodes, because several workers run. If a video ends before
    the list says, its last frame is repeated, and `problems` says so.

    Raises:
        UserError: torchcodec is asked for and is missing.
    """

    TIMELINES_KEPT = 1024

    def __init__(self, clips: ClipList, folder: str | Path, decoding: Decoding | None = None):
        super().__init__(clips)
        self.folder, self.decoding = str(folder), decoding or Decoding()
        if self.decoding.with_torchcodec:
            self._device = torchcodec.find_device(self.decoding.device)
        self._ending = np.full(len(clips), _UNKNOWN, np.int8)
        if not paths.is_remote(self.folder):
            self._list_folder()
        self._timelines: OrderedDict[int, Timeline | None] = OrderedDict()
        self._measured: dict[int, Measure] = {}
        self._only_by_pyav: set[int] = set()
        self._warned_of_rate = False

    def _list_folder(self) -> None:
        """Finds the files directly in the folder by listing it once."""
        try:
            with os.scandir(self.folder or ".") as entries:
                present = {entry.name for entry in entries if entry.is_file()}
        except OSError:
            return  # each file is looked for when it is needed
        for clip in range(len(self.clips)):
            name = self.clips.name(clip)
            if "/" not in name:
                self._ending[clip] = self._find_ending(name, present.__contains__)

    def times(self, clip: int) -> np.ndarray:
        """(F + 1,) float64 seconds: when each frame of the video is shown, and when the last ends.

        The first frame is at 0. A video without time stamps has its mean rate throughout.

        Raises:
            BadClip: the video cannot be read.
        """
        frames, fps = self._measure(clip)
        with self._file(clip) as path:
            timeline = self._timeline(clip)
            if timeline is None or frames == 1:
                return np.arange(frames + 1) / (fps or pyav.mean_rate(path) or ASSUMED_FPS)
        shown = (timeline.pts - timeline.pts[0]) * float(timeline.time_base)
        return np.append(shown, shown[-1] + np.median(np.diff(shown)))

    @staticmethod
    def _find_ending(name: str, is_file: Callable[[str], bool]) -> int:
        return next((i for i, end in enumerate(_ENDINGS) if is_file(name + end)), _NO_FILE)

    def path(self, clip: int) -> str:
        """The clip's video; if there is none, the .mp4 file that should be there."""
        if self._ending[clip] == _UNKNOWN:
            name = paths.join(self.folder, self.clips.name(clip))
            self._ending[clip] = self._find_ending(name, paths.is_file)
        return self.place(clip)

    def place(self, clip: int) -> str:
        """The clip's video if it has been looked for, else the .mp4 file that should be there."""
        name = paths.join(self.folder, self.clips.name(clip))
        if self._ending[clip] >= 0:
            return name + _ENDINGS[self._ending[clip]]
        return name if name.endswith(VIDEO_ENDINGS) else f"{name}.mp4"

    def missing(self, clip: int) -> tuple[int, Path | str] | None:
        """The first frame and the video that should be there; None if it is there."""
        path = self.path(clip)
        return (0, path) if self._ending[clip] == _NO_FILE else None

    def num_frames(self, clip: int) -> int:
        """The number of frames in the list, or else in the video.

        Raises:
            BadClip: the number is needed from the video, which cannot be read.
        """
        listed = self.clips.num_frames(clip)
        if listed is not None and not self.decoding.fps:
            return listed
        last = (listed or self._measure(clip).frames) - 1
        return int(last / self._step(clip) + 1e-6) + 1

    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes by time stamps; if these are wrong, counts from the first frame on."""
        yield from self._at_rate(clip, indices, self._decode)

    def _replacements(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """Decodes from the video's start up to the error, then repeats the last frame."""
        yield from self._at_rate(clip, wanted, partial(self._decode_to_error, error))

    def _at_rate(
        self,
        clip: int,
        indices: Sequence[int],
        decode: Callable[[int, list[int]], Iterator[np.ndarray]],
    ) -> Iterator[np.ndarray]:
        """Gives the frames at indices that count at the rate `Decoding.fps`."""
        step = self._step(clip)
        wanted = [round(index * step) for index in indices]
        decoded, last, pixels = decode(clip, sorted(set(wanted))), -1, None
        for frame in wanted:
            if frame != last:
                last, pixels = frame, next(decoded)
            yield pixels

    def _decode_to_error(
        self, error: BadClip, clip: int, indices: list[int]
    ) -> Iterator[np.ndarray]:
        frame = -1
        try:
            path = paths.local_path(self.path(clip))
            found = pyav.by_count(path, indices, stop_at_error=True)
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
            for decode in self._decoders(clip, path):
                for frame, pixels in decode(list(pending)):
                    if frame < pending.pop(0):
                        self._note_end(clip, frame + 1)
                    yield pixels
                if not pending:
                    return
            raise OSError("it has no picture")

    def _decoders(self, clip: int, path: str) -> Iterator[Callable[[list[int]], Frames]]:
        """Gives functions that decode a clip, the best first. Each gets the missing frames."""
        torchcodec_may = self.decoding.with_torchcodec and clip not in self._only_by_pyav
        if torchcodec_may and (timeline := self._timeline(clip)):
            yield partial(torchcodec.by_number, path, timeline, self._device)
            self._only_by_pyav.add(clip)  # it did not decode all frames
        with pyav.open_video(path) as opened:
            if timeline := self._timeline(clip, *opened):
                yield partial(pyav.by_time, *opened, timeline)
                self._timelines[clip] = None  # its stamps are wrong: count from now on
        yield partial(pyav.by_count, path)

    def _timeline(self, clip: int, *opened) -> Timeline | None:
        """The clip's timeline. It is read from the file if it is open already."""
        if clip in self._timelines:
            self._timelines.move_to_end(clip)
            return self._timelines[clip]
        if not opened:
            with pyav.open_video(paths.local_path(self.path(clip))) as opened:
                return self._timeline(clip, *opened)
        self._timelines[clip] = timeline = read_timeline(*opened)
        if timeline:
            # It stays so if the stamps turn out to be wrong, or a later reading would count other
            # frames than an earlier one, and than other workers.
            self._measured[clip] = Measure(len(timeline.pts), timeline.fps)
        if len(self._timelines) > self.TIMELINES_KEPT:
            self._timelines.popitem(last=False)
        return self._timelines[clip]

    def _measure(self, clip: int) -> Measure:
        """The frames and the rate of the video, the same at each call and in each worker."""
        with self._file(clip) as path:
            if clip not in self._measured and not self._timeline(clip):
                with pyav.open_video(path) as opened:
                    fps = pyav.stated_fps(*opened)
                self._measured[clip] = Measure(pyav.count_frames(path), fps)
            if not self._measured[clip].frames:
                raise OSError("it has no picture")
            return self._measured[clip]

    def video_frames(self, clip: int, counted: np.ndarray) -> np.ndarray:
        """Places among the frames of the video of frames that are counted at `Decoding.fps`.

        Places are float64, not rounded.

        Raises:
            BadClip: the video cannot be read.
        """
        return counted * self._step(clip)

    def _step(self, clip: int) -> float:
        """Frames of the video for each frame at the rate `Decoding.fps`.

        Raises:
            BadClip: the video cannot be read.
        """
        return self.rate(clip) / self.decoding.fps if self.decoding.fps else 1.0

    def rate(self, clip: int) -> float:
        """The mean rate of the video: from its time stamps, or else its header, or else assumed.

        Raises:
            BadClip: the video cannot be read.
        """
        frames, fps = self._measure(clip)
        if not fps and frames > 1 and not self._warned_of_rate:
            self._warned_of_rate = True
            logger.warning(
                f"{self.path(clip)}: the file has neither time stamps nor a rate. It is taken to "
                f"have {ASSUMED_FPS} frames a second, and so are other such files. If that is "
                "wrong, convert them to mp4 with their true rate."
            )
        return fps or ASSUMED_FPS

    def _note_end(self, clip: int, decodable: int, before: str = "") -> None:
        listed = self.clips.num_frames(clip)
        expected = "its packets say" if listed is None else "the list says"
        self.problems[clip] = (
            f"{before}{self.path(clip)}: has {decodable} frames that decode, {expected} "
            f"{listed or self._measure(clip).frames}; its last frame is repeated."
        )

    @contextmanager
    def _file(self, clip: int) -> Iterator[str]:
        """The clip's video as a local file. Errors while it is used become BadClip."""
        path = self.path(clip)
        try:
            yield paths.local_path(path)
        except (OSError, av.FFmpegError) as error:
            raise BadClip(
                f"{path}: cannot decode the video of clip {self.clips.name(clip)}: "
                f"{reason(error)}. Copy or convert it again, or {self.clips.how_to_leave_out}."
            ) from None
