"""What is wrong with one file of a data set, told without decoding it as a rule.

A JPEG begins with FF D8 and ends with FF D9, which stands nowhere inside its compressed data; an
mp4 is a row of boxes that say how long they are. So a file that was cut off shows by a few bytes.
What does not look like either is given to the decoder, which has the last word.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from slowfast.ak.frames.pyav import open_container

_UNKNOWN_LENGTH = 0xFFFFFFFF  # of an AVI that was written to a pipe
_MATROSKA, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # and WebM
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


class FileFlaw(NamedTuple):
    """kind: missing, empty, unreadable, truncated or no_frames. text: what was found, in words."""

    kind: str
    text: str


def image_flaw(path: str) -> FileFlaw | None:
    """What is wrong with an image file, by its two ends; None where nothing is."""
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            size = _size(os.fstat(file.fileno()))
            start = file.read(2)
            file.seek(max(0, size - 2))
            end = file.read(2)
        if size == 0:
            return FileFlaw("empty", "it has no bytes")
        if start == _JPEG_START and end == _JPEG_END:
            return None
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return FileFlaw("missing", "there is no such file")
    except OSError as error:
        return FileFlaw("unreadable", error.strerror or str(error))
    if start == _JPEG_START:
        if _has_jpeg_end(data):
            return None
        return FileFlaw("truncated", f"its {size} bytes break off before the end of the image")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        return FileFlaw("unreadable", str(error))
    return None if image is not None else FileFlaw("unreadable", f"no image: {_describe(data)}")


def _size(status: os.stat_result) -> int:
    """Bytes of a file. Raises OSError for a pipe or a device: reading it might never end."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    return status.st_size


def _open_at_once(path: str, flags: int) -> int:
    """A file's descriptor, without waiting for one who writes into it; Windows knows no waiting."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _has_jpeg_end(data: bytes) -> bool:
    """Whether the end marker stands behind the last scan; a camera may have put bytes after it."""
    scan = data.rfind(_JPEG_SCAN)
    return scan >= 0 and data.find(_JPEG_END, scan) >= 0


def check_video_file(path: str, decode: bool = False) -> tuple[int, FileFlaw | None]:
    """How many frames a video has, and what is wrong with it, None being nothing.

    Frames are counted by their packets, which takes one reading of the file, or, with `decode`,
    by decoding them. The number is what there is of a video with a flaw.
    """
    frames, damaged = 0, 0
    try:
        if flaw := _container_flaw(path):
            return 0, flaw
        with _open(path) as (container, stream):
            if flaw := _stream_flaw(stream):
                return 0, flaw
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    frames += 1
                    damaged += packet.is_corrupt
            promised = max(frames, stream.frames)
        if decode and not damaged and frames == promised:
            frames, damaged = _decode_all(path)
    except (OSError, av.FFmpegError) as error:
        return frames, FileFlaw("unreadable", error.strerror or str(error))
    if frames < promised:
        return frames, FileFlaw(
            "truncated", f"it has {frames} of the {promised} frames it speaks of"
        )
    if damaged:
        kind = "unreadable" if decode else "truncated"
        return frames, FileFlaw(kind, f"{damaged} of its {frames} frames are damaged")
    return frames, None if frames else FileFlaw("no_frames", "its video stream has no frame")


def video_header(path: str) -> tuple[int | None, FileFlaw | None]:
    """As `check_video_file`, by the beginning of the file alone; None where that does not say."""
    try:
        if flaw := _container_flaw(path):
            return 0, flaw
        with _open(path) as (_, stream):
            if flaw := _stream_flaw(stream):
                return 0, flaw
            return stream.frames or None, None
    except (OSError, av.FFmpegError) as error:
        return 0, FileFlaw("unreadable", error.strerror or str(error))


def _stream_flaw(stream: av.VideoStream | None) -> FileFlaw | None:
    if stream is None:
        return FileFlaw("unreadable", "it has no video stream")
    if stream.codec_context is None:
        return FileFlaw("unreadable", "there is no decoder for its video stream")
    return None


@contextmanager
def _open(path: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream | None]]:
    with open_container(path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is not None and stream.codec_context is not None:
            stream.codec_context.thread_count = 1
        yield container, stream


def _decode_all(path: str) -> tuple[int, int]:
    """Frames that decode, and how many of them, or that do not, are damaged."""
    frames, damaged = 0, 0
    with _open(path) as (container, stream):
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            frames += len(pictures)
            damaged += sum(picture.is_corrupt for picture in pictures)
    return frames, damaged


def _container_flaw(path: str) -> FileFlaw | None:
    """What the lengths that an mp4, AVI or Matroska file states, and its beginning, tell of it."""
    try:
        size = _size(os.stat(path))  # noqa: PTH116 -- asked for every video
    except FileNotFoundError:
        return FileFlaw("missing", "there is no such file")
    if size == 0:
        return FileFlaw("empty", "it has no bytes")
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(64)
        if head[4:8] == b"ftyp":
            end = _end_of_boxes(file, size)
        elif head[:4] == b"RIFF":
            length = int.from_bytes(head[4:8], "little")
            end = 8 + length if length < _UNKNOWN_LENGTH else size
        elif head[:4] == _MATROSKA:
            end = _end_of_segment(head, size)
        else:
            end = size
    if end > size:
        return FileFlaw("truncated", f"it breaks off after {size} of at least {end} bytes")
    if _looks_like_text(head):
        return FileFlaw("unreadable", f"no video: {_describe(head)}")
    return None


def _end_of_boxes(file, size: int) -> int:
    """Where the boxes of an mp4 end by what they say: behind the file if it was cut off."""
    at, kinds = 0, set()
    while at < size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if len(head) < 8:
            return at + 8
        if not head[4:8].isalnum():
            break  # whatever was put behind the last box
        kinds.add(head[4:8])
        if length == 0:  # to the end of the file, however long that is
            return size
        at += max(length, 8)
    # Between two boxes a cut leaves no trace but that the index, or what it points to, lacks.
    whole = {b"moov", b"mdat"} <= kinds or b"moof" in kinds
    return at if whole else size + 8


def _end_of_segment(head: bytes, size: int) -> int:
    """Where a Matroska file's one segment ends by what it says; its size where it does not say."""
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or len(head) < at + 8:
        return max(size, at + 9) if len(head) < 64 else size
    bytes_of_length = 9 - head[at].bit_length()  # as many as zeros lead the first, and one
    coded = int.from_bytes(head[at : at + bytes_of_length], "big")
    length = coded & ((1 << 7 * bytes_of_length) - 1)
    is_unknown = length == (1 << 7 * bytes_of_length) - 1
    return size if is_unknown else at + bytes_of_length + length


def _looks_like_text(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{")


def _describe(data: bytes) -> str:
    what = "a text, such as a web page, that begins" if _looks_like_text(data) else "it begins"
    return f"{what} with {data[:12]!r}"
