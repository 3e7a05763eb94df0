"""Decoding chosen frames of a video with PyAV, one thread, to RGBX.

Pixels are those that FFmpeg's own extraction gives, since they are converted by the same filters,
with the colour matrix and range that the file states. The filters' memory is used again and again:
a fresh frame's would cost as much as the conversion, in page faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction

import av
import numpy as np

from slowfast.ak.frames.timeline import Timeline

Frames = Iterator[tuple[int, np.ndarray]]

# Frames between the last one decoded and a key frame ahead from which on that one is sought: the
# frames that the decoder holds in advance are lost by it, and their decoding with them.
WORTH_A_SEEK = 12


# Before release 19 PyAV refuses a file whose metadata are no UTF-8, unless told to let them pass.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def open_container(path: str) -> av.container.InputContainer:
    """The file, to be closed again. Raises OSError or av.FFmpegError."""
    return av.open(path, **_LENIENT)


@contextmanager
def open_video(path: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its first video stream. Raises OSError or av.FFmpegError."""
    with open_container(path) as container:
        if not container.streams.video:
            raise OSError("it has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise OSError("nothing here decodes its video stream")
        stream.codec_context.thread_count = 1
        yield container, stream


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """All pictures from where the container stands, as `container.decode` gives them.

    That leaves 150 bytes behind wherever it is not read to its end: PyAV's generator of packets
    frees its own only where it is closed, not where it is dropped.
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
    """(index, RGBX) at ascending indices by their time stamps; beyond the end, the last again.

    Decodes from the key frame before the first index, and seeks again to one well ahead. Ends early
    where that cannot be, or decoding does not give frame after frame as the stamps promise.
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


def by_count(path: str, indices: Sequence[int], stop_at_fault: bool = False) -> Frames:
    """As `by_time`, decoding from the start and counting: stamps are not looked at.

    With `stop_at_fault` a video ends where it does not decode.
    """
    to_rgbx, pending = _Converter(), deque(indices)
    frame, picture = -1, None
    with open_video(path) as (container, stream):
        pictures = _decoded(container, stream)
        for frame, picture in enumerate(_until_fault(pictures) if stop_at_fault else pictures):
            if frame == pending[0]:
                yield pending.popleft(), to_rgbx(picture)
            if not pending:
                return
    if picture is not None:
        yield from ((frame, to_rgbx(picture)) for _ in pending)


def _until_fault(pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    try:
        yield from pictures
    except av.FFmpegError:
        return


def every_frame(path: str) -> Iterator[np.ndarray]:
    """All frames that decode, RGBX. Raises OSError or av.FFmpegError where one does not."""
    to_rgbx = _Converter()
    with open_video(path) as (container, stream):
        yield from map(to_rgbx, _decoded(container, stream))


def count_frames(path: str) -> int:
    """How many frames decode."""
    with open_video(path) as (container, stream):
        return sum(1 for _ in _decoded(container, stream))


class _Converter:
    """Pictures of a video as RGBX arrays, turned as the file's display matrix says."""

    def __init__(self):
        self._graph, self._kind = None, None

    def __call__(self, picture: av.VideoFrame) -> np.ndarray:
        """(H, W, 4) uint8; rows may lie further apart than their pixels take."""
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
    # FFmpeg's quick ways to RGB and RGBX, of 8 bits and even height, give the same. Others do not:
    # rounding differs by up to 4 levels, and it is RGB that images are extracted to.
    quick = picture.height % 2 == 0 and all(part.bits == 8 for part in picture.format.components)
    steps = ("rgb0",) if quick else ("rgb24", "rgb0")
    for step in [*(graph.add("format", pixels) for pixels in steps), graph.add("buffersink")]:
        last.link_to(step)
        last = step
    graph.configure()
    return graph
