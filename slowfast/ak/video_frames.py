"""Frames of videos, a file a clip: frame k is frame k of the images extracted from the video.

Frames are found by their time stamps, which are read from the file's packets without decoding: the
reader seeks to the key frame before a frame and decodes from there to it. Where stamps are missing
or do not hold, it decodes from the start and counts.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from slowfast.ak.clip_list import ClipList
from slowfast.ak.errors import BadClip
from slowfast.ak.reader import Reader, reason

logger = logging.getLogger(__name__)

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class _Timeline:
    """Time stamps of a video's frames in the order they are shown, in the stream's time base.

    key_frames: the frames that decoding can start from, ascending, 0 among them.
    """

    pts: np.ndarray
    key_frames: np.ndarray

    def key_before(self, frame: int) -> int:
        """The last key frame at or before a frame."""
        return int(self.key_frames[np.searchsorted(self.key_frames, frame, side="right") - 1])

    def frame_at(self, pts: int | None) -> int | None:
        """The frame with this time stamp, or None."""
        if pts is None:
            return None
        frame = int(np.searchsorted(self.pts, pts))
        return frame if frame < len(self.pts) and self.pts[frame] == pts else None


class VideoFrames(Reader):
    """A video a clip: `<folder>/<clip name>.mp4`, or another of VIDEO_EXTENSIONS.

    One thread decodes: workers run beside each other already. A video that ends before the list
    says repeats its last frame, and is warned about once.
    """

    TIMELINES_KEPT = 1024

    def __init__(self, clips: ClipList, folder: str | Path):
        super().__init__(clips)
        self.folder = Path(folder)
        files = self.folder.iterdir() if self.folder.is_dir() else ()
        present = {file.name for file in files}
        self._extension = np.array([self._find(i, present) for i in range(len(clips))], np.int8)
        self._timelines: OrderedDict[int, _Timeline | None] = OrderedDict()
        self._warned: set[int] = set()

    def _find(self, clip: int, present: set[str]) -> int:
        """Which of VIDEO_EXTENSIONS the clip's file has; -1 where there is no file."""
        name = self.clips.name(clip)
        for place, extension in enumerate(VIDEO_EXTENSIONS):
            file = name + extension
            if file in present or ("/" in name and (self.folder / file).is_file()):
                return place
        return -1

    def path(self, clip: int) -> Path:
        """The clip's video; the .mp4 that should be there if none is."""
        extension = VIDEO_EXTENSIONS[max(self._extension[clip], 0)]
        return self.folder / (self.clips.name(clip) + extension)

    def missing(self, clip: int) -> tuple[int, Path] | None:
        """The first frame and the video that should be there; None where it is."""
        return (0, self.path(clip)) if self._extension[clip] < 0 else None

    def frames(self, clip: int, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Decodes by time stamps, and by counting from the first frame where these fail."""
        path, pending = self.path(clip), list(indices)
        try:
            for decode in (_by_time, _by_count):
                for frame, picture in decode(path, self._timeline(clip), list(pending)):
                    if frame < pending.pop(0):
                        self._warn_of_end(clip, frame + 1)
                    yield _to_rgbx(picture)
                if not pending:
                    return
                self._timelines[clip] = None  # its stamps do not hold: count, now and later
        except (OSError, av.FFmpegError) as error:
            raise self._undecodable(clip, reason(error)) from None
        raise self._undecodable(clip, "it has no picture")

    def _timeline(self, clip: int) -> _Timeline | None:
        if clip in self._timelines:
            self._timelines.move_to_end(clip)
        else:
            self._timelines[clip] = _read_timeline(self.path(clip))
            if len(self._timelines) > self.TIMELINES_KEPT:
                self._timelines.popitem(last=False)
        return self._timelines[clip]

    def _warn_of_end(self, clip: int, decodable: int) -> None:
        if clip not in self._warned:
            self._warned.add(clip)
            logger.warning(
                "%s: has %d frames that decode, the list says %d; its last frame is repeated.",
                *(self.path(clip), decodable, self.clips.num_frames(clip)),
            )

    def _undecodable(self, clip: int, found: str) -> BadClip:
        return BadClip(
            f"{self.path(clip)}: cannot decode the video of clip {self.clips.name(clip)}: {found}. "
            f"Copy or convert it again, or take its lines out of {self.clips.path}."
        )


@contextmanager
def _open(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise OSError("it has no video stream")
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        yield container, stream


def _read_timeline(path: Path) -> _Timeline | None:
    """The timeline of a video from its packets; None where they do not tell."""
    with _open(path) as (container, stream):
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard
        ]
        # AVI stores no stamps; what it seems to give is guessed, wrongly where there are B-frames.
        guessed = container.format.name == "avi" and any(pts != dts for pts, dts, _ in packets)
    if guessed or not packets or any(pts is None for pts, _, _ in packets):
        return None
    pts = np.array([pts for pts, _, _ in packets])
    order = np.argsort(pts)
    is_key = np.array([is_key for _, _, is_key in packets])[order]
    if not is_key[0] or len(np.unique(pts)) < len(pts):
        return None
    return _Timeline(pts[order], np.flatnonzero(is_key))


def _by_time(
    path: Path, timeline: _Timeline | None, indices: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(index, frame) at ascending indices by their time stamps; beyond the end, the last again.

    Ends early where decoding does not give frame after frame as the stamps promise.
    """
    if timeline is None:
        return
    with _open(path) as (container, stream):
        frame, pictures, picture = -1, iter(()), None
        for index in indices:
            index = min(index, len(timeline.pts) - 1)
            key = timeline.key_before(index)
            first = key > frame
            if first:
                if frame < 0 < key and _needs_first_picture(stream):
                    next(container.decode(stream), None)
                container.seek(int(timeline.pts[key]), stream=stream)
                pictures = container.decode(stream)
            while first or frame < index:
                picture = next(pictures, None)
                shown = timeline.frame_at(picture.pts) if picture is not None else None
                if shown is None or (shown > key if first else shown != frame + 1):
                    return
                frame, first = shown, False
            yield index, picture


def _needs_first_picture(stream: av.VideoStream) -> bool:
    """Whether pictures after a seek come out right only once the first one has been decoded.

    It is the first picture of an H.264 video that names the encoder. An old x264 wrote 4:4:4 that
    FFmpeg decodes rightly, instead of all green, only where it knows who made it.
    """
    pixels = stream.codec_context.pix_fmt or ""
    return stream.codec_context.name == "h264" and pixels.startswith("yuv444")


def _by_count(
    path: Path, timeline: _Timeline | None, indices: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """As `_by_time`, decoding from the start and counting; the timeline is not looked at."""
    pending = deque(indices)
    frame, picture = -1, None
    with _open(path) as (container, stream):
        for frame, picture in enumerate(container.decode(stream)):
            if frame == pending[0]:
                yield pending.popleft(), picture
            if not pending:
                return
    if picture is not None:
        yield from ((frame, picture) for _ in pending)


def _to_rgbx(picture: av.VideoFrame) -> np.ndarray:
    """Pixels (H, W, 4) of a decoded picture, turned as the file's display matrix says."""
    pixels = picture.to_ndarray(format="rgba")
    quarter_turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels
