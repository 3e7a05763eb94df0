"""Decodes chosen frames of a video with PyAV, in one thread, to RGBX.

`Timeline` says when each frame is shown, and where decoding can start. It comes from the packets of
the file, without decoding. `by_time` seeks with it; `by_count` decodes from the start and counts.

The pixels equal images that FFmpeg extracts, because the same filters convert them, with the
colour matrix and range of the file. The memory of the filters is used again and again: new memory
for each frame would take as long as the conversion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

Frames = Iterator[tuple[int, np.ndarray]]

# Decoding continues up to this many frames to reach a key frame, instead of seeking to it: a seek
# discards the frames that the decoder has decoded in advance.
WORTH_A_SEEK = 12

_NO_TIMESTAMPS = 0x0080  # AVFMT_NOTIMESTAMPS of FFmpeg

# PyAV before release 19 refuses a file with metadata that are not UTF-8 unless this is set.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


# ------------------------------------------------------------------ the timeline of a video


@dataclass(frozen=True)
class Timeline:
    """Time stamps of a video's frames, in units of `time_base` seconds.

    Args:
        pts: the stamps of the frames in the order in which they are shown, ascending.
        key_frames: the frames at which decoding can start, ascending; the first is 0.
        key_pts: for each key frame, the stamp to seek to. An edit list can hide the key frame that
            frame 0 needs; then its stamp is not in `pts`.
        stated_fps: frames a second as the file states them, if FFmpeg has made up the stamps; None:
            the stamps are in the file.
        needs_first_picture: whether pictures after a seek are only right once the first picture of
            the file has been decoded.
    """

    pts: np.ndarray
    key_frames: np.ndarray
    key_pts: np.ndarray
    time_base: Fraction
    stated_fps: float | None = None
    needs_first_picture: bool = False

    def key_before(self, frame: int) -> tuple[int, int]:
        """The last key frame at or before a frame, and the stamp to seek to."""
        place = np.searchsorted(self.key_frames, frame, side="right") - 1
        return int(self.key_frames[place]), int(self.key_pts[place])

    def frame_at(self, pts: int | None) -> int | None:
        """The frame with this time stamp, or None."""
        if pts is None:
            return None
        frame = int(np.searchsorted(self.pts, pts))
        return frame if frame < len(self.pts) and self.pts[frame] == pts else None

    @property
    def fps(self) -> float:
        """The mean number of frames a second; 0 if it is unknown, or if there is one frame."""
        if self.stated_fps is not None:
            return self.stated_fps
        span = (self.pts[-1] - self.pts[0]) * self.time_base
        return float((len(self.pts) - 1) / span) if span else 0.0


def read_timeline(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Timeline | None:
    """Reads the timeline of a video up to its end; None if its packets have no reliable stamps.

    One packet is in memory at a time: together they are as large as the file.
    """
    key_stamps: list[int] = []
    shown_stamps: list[int] = []
    # AVI stores no stamps. FFmpeg guesses them, and guesses wrong if there are B-frames.
    may_guess = container.format.name == "avi"
    with closing(container.demux(stream)) as packets:
        for packet in packets:
            if not packet.size:
                continue
            if packet.pts is None or (may_guess and packet.pts != packet.dts):
                return None
            if packet.is_keyframe:
                key_stamps.append(packet.pts)
            if not packet.is_discard:
                shown_stamps.append(packet.pts)
    keys, pts = np.sort(key_stamps), np.sort(shown_stamps)
    if not len(pts) or not len(keys) or keys[0] > pts[0] or (np.diff(pts) == 0).any():
        return None
    keys = keys[np.searchsorted(keys, pts[0], side="right") - 1 :]
    frames = np.searchsorted(pts, keys)  # the first is 0, or hidden before frame 0
    shown = np.isin(keys, pts)
    shown[0] = True
    return Timeline(
        pts,
        frames[shown],
        keys[shown],
        stream.time_base,
        stated_fps(container, stream) if _has_no_stamps(container) else None,
        _is_old_444(stream),
    )


def stated_fps(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """The mean number of frames a second that a file states; 0 if it states none."""
    if _has_no_stamps(container) and not stream.codec_context.framerate:
        return 0.0  # FFmpeg assumes 25
    return float(stream.guessed_rate or stream.average_rate or 0)


def _has_no_stamps(container: av.container.InputContainer) -> bool:
    """Whether a file is a bare stream of a codec, such as H.264, for which stamps are made up."""
    return bool(container.format.flags & _NO_TIMESTAMPS)


def _is_old_444(stream: av.VideoStream) -> bool:
    """Whether the video can be 4:4:4 of an old x264.

    FFmpeg needs the encoder of such a video. Otherwise its pictures are green. The name of
    the encoder is in the first picture.
    """
    pixels = stream.codec_context.pix_fmt or ""
    return stream.codec_context.name == "h264" and pixels.startswith("yuv444")


# ------------------------------------------------------------------ opening and decoding


def open_container(path: str) -> av.container.InputContainer:
    """Opens a file; the caller closes it. Raises OSError or av.FFmpegError."""
    return av.open(path, **_LENIENT)


@contextmanager
def open_video(path: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a file and its first video stream. Raises OSError or av.FFmpegError."""
    with open_container(path) as container:
        if not container.streams.video:
            raise OSError("it has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise OSError("there is no decoder for its video stream")
        stream.codec_context.thread_count = 1
        yield container, stream


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decodes all pictures from the container's position on.

    `container.decode` would leak 150 bytes each time it is not read to the end: PyAV's generator of
    packets frees its own packet only when it is closed.
    """
    with closing(container.demux(stream)) as packets:
        for packet in packets:
            yield from packet.decode()


def by_time(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    timeline: Timeline,
    indices: Sequence[int],
) -> Frames:
    """Gives (index, RGBX) at ascending indices, found by time stamps.

    Decodes from the key frame before the first index on, and seeks again if a key frame is far
    ahead. An index after the end gives the last frame. Ends early if a seek fails, or if decoded
    frames do not have the stamps of the timeline.
    """
    to_rgbx = _Converter()
    frame, pictures, picture = -1, iter(()), None
    for index in indices:
        index = min(index, len(timeline.pts) - 1)
        key, key_pts = timeline.key_before(index)
        first = frame < 0 or key > frame + WORTH_A_SEEK
        if first:
            try:
                if timeline.needs_first_picture and frame < 0 < key:
                    container.seek(int(timeline.key_pts[0]), stream=stream)
                    next(_decoded(container, stream), None)
                container.seek(key_pts, stream=stream)
            except av.FFmpegError:
                return
            pictures = _decoded(container, stream)
        while first or frame < index:
            picture = next(pictures, None)
            shown = timeline.frame_at(picture.pts) if picture is not None else None
            if shown is None or (shown > key if first else shown != frame + 1):
                return
            frame, first = shown, False
        yield index, to_rgbx(picture)


def by_count(path: str, indices: Sequence[int], stop_at_error: bool = False) -> Frames:
    """Gives (index, RGBX) at ascending indices, counted from the first frame without time stamps.

    An index after the end gives the last frame. With `stop_at_error`, the video ends at the first
    frame that does not decode.
    """
    to_rgbx, pending = _Converter(), deque(indices)
    frame, picture = -1, None
    with open_video(path) as (container, stream):
        pictures = _decoded(container, stream)
        for frame, picture in enumerate(_until_error(pictures) if stop_at_error else pictures):
            if frame == pending[0]:
                yield pending.popleft(), to_rgbx(picture)
            if not pending:
                return
    if picture is not None:
        yield from ((frame, to_rgbx(picture)) for _ in pending)


def _until_error(pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    try:
        yield from pictures
    except av.FFmpegError:
        return


def every_frame(path: str) -> Iterator[np.ndarray]:
    """Decodes all frames, RGBX. Raises OSError or av.FFmpegError if a frame does not decode."""
    to_rgbx = _Converter()
    with open_video(path) as (container, stream):
        yield from map(to_rgbx, _decoded(container, stream))


def mean_rate(path: str) -> float:
    """The mean number of frames a second that a file states; 0 if it states none."""
    with open_video(path) as opened:
        return stated_fps(*opened)


def stated_frames(path: str) -> int:
    """The number of frames that the header of the file states; 0 if it states none."""
    with open_video(path) as (_, stream):
        return stream.frames


def count_frames(path: str) -> int:
    """The number of frames that decode."""
    with open_video(path) as (container, stream):
        return sum(1 for _ in _decoded(container, stream))


class _Converter:
    """Converts pictures of a video to RGBX arrays, and turns them as the display matrix says."""

    def __init__(self):
        self._graph, self._kind = None, None

    def __call__(self, picture: av.VideoFrame) -> np.ndarray:
        """(H, W, 4) uint8. There can be gaps between its rows in memory."""
        kind = (picture.format.name, picture.width, picture.height)
        if kind != self._kind:
            self._graph, self._kind = _graph_to_rgbx(picture), kind
        self._graph.push(picture)
        converted = self._graph.pull()
        plane = converted.planes[0]
        pixels = np.ndarray(
            (converted.height, converted.width, 4),
            np.uint8,
            buffer=plane,
            strides=(plane.line_size, 4, 1),
        )
        quarter_turns = round(picture.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def _graph_to_rgbx(picture: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    last = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=Fraction(1, 1000),
    )
    # For 8 bits and an even height, FFmpeg's fast conversions to RGB and to RGBX give the same
    # pixels. Otherwise they differ by up to 4 levels, and extracted images are RGB.
    fast = picture.height % 2 == 0 and all(part.bits == 8 for part in picture.format.components)
    steps = ("rgb0",) if fast else ("rgb24", "rgb0")
    for step in [*(graph.add("format", pixels) for pixels in steps), graph.add("buffersink")]:
        last.link_to(step)
        last = step
    graph.configure()
    return graph
