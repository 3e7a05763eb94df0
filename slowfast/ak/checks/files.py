"""Checks one image or video file, in most cases without decoding it.

A JPEG begins with FF D8 and ends with FF D9, and FF D9 does not occur inside the compressed data.
An mp4 is a sequence of boxes, and each box states its length. So a few bytes are enough to find a
file that was cut off. Other files are given to the decoder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from slowfast.ak.frames.images import ValueRange, decode_deep
from slowfast.ak.frames.pyav import open_container

_HEAD = 1 << 10  # bytes at the start of an image in which its EXIF data begin
_ORIENTATION = 0x0112  # the tag of EXIF
_FEW_LEVELS = 16  # of 256; fewer show almost nothing
_UNKNOWN_LENGTH = 0xFFFFFFFF  # the length in an AVI that was written to a pipe
_MATROSKA, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # WebM is the same format
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


class FileFault(NamedTuple):
    """A fault of a file.

    Attributes:
        kind: missing, empty, unreadable, truncated, no_frames, extra_frames, frame_count,
            few_levels or rotated.
        text: what was found, in words.
    """

    kind: str
    text: str


def check_image_file(path: str, value_range: ValueRange = None) -> FileFault | None:
    """Returns the fault of an image file, or None. It reads the first and the last bytes, and
    decodes the file only if these are not a JPEG's.

    Args:
        value_range: the values that become black and white, in images with more than 8 bits.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            size = _size(os.fstat(file.fileno()))
            head = file.read(_HEAD)
            start = head[:2]
            file.seek(max(0, size - 2))
            end = file.read(2)
        if size == 0:
            return FileFault("empty", "it has no bytes")
        if start == _JPEG_START and end == _JPEG_END:
            return _rotation(head)
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return FileFault("missing", "there is no such file")
    except OSError as error:
        return FileFault("unreadable", error.strerror or str(error))
    if start == _JPEG_START:
        if _has_jpeg_end(data):
            return _rotation(head)
        return FileFault("truncated", f"its {size} bytes break off before the end of the image")
    try:
        image = decode_deep(data)
    except ValueError:
        return FileFault("unreadable", f"no image: {_describe(data)}")
    return None if value_range else _few_levels(image)


def _few_levels(image: np.ndarray) -> FileFault | None:
    """The fault of an image of which the highest 8 bits show almost nothing."""
    if image.dtype == np.uint8:
        return None
    if image.dtype != np.uint16:
        text = f"its values are {image.dtype}; set AK.IMAGE_RANGE to the values of black and white"
        return FileFault("unreadable", text)
    low, high = int(image.min()), int(image.max())
    if low == high or (high >> 8) - (low >> 8) >= _FEW_LEVELS:
        return None
    left = (high >> 8) - (low >> 8) + 1
    return FileFault(
        "few_levels",
        f"its 16-bit values lie in {low}..{high}, and their highest 8 bits have {left} different "
        "values, almost one grey. Set AK.IMAGE_RANGE to the values of black and white of all "
        "images, such as [0, 4095] for a camera of 12 bits",
    )


def _rotation(head: bytes) -> FileFault | None:
    """The remark on a JPEG whose EXIF data state that it is to be turned or mirrored."""
    at = head.find(b"Exif\0\0")
    if at < 0:
        return None
    tiff = head[at + 6 :]
    order = "little" if tiff[:2] == b"II" else "big"

    def number(start: int, size: int) -> int:
        return int.from_bytes(tiff[start : start + size], order)

    table = number(4, 4)
    for entry in range(table + 2, table + 2 + 12 * number(table, 2), 12):
        if number(entry, 2) == _ORIENTATION and number(entry + 8, 2) in range(2, 9):
            text = f"its EXIF data state orientation {number(entry + 8, 2)}; it is read as stored"
            return FileFault("rotated", f"{text}. Turn its pixels if that is wrong")
    return None


def _size(status: os.stat_result) -> int:
    """The size of a file in bytes.

    Raises:
        OSError: the file is a pipe or a device, whose end may never come.
    """
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    return status.st_size


def _open_at_once(path: str, flags: int) -> int:
    """Opens a file without waiting for a writer, if it is a pipe. Windows has no such wait."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _has_jpeg_end(data: bytes) -> bool:
    """Whether an end marker follows the last scan. A camera can have added bytes after it."""
    scan = data.rfind(_JPEG_SCAN)
    return scan >= 0 and data.find(_JPEG_END, scan) >= 0


def check_video_file(path: str, decode: bool = False) -> tuple[int, FileFault | None]:
    """Counts the frames of a video and looks for a fault.

    Args:
        decode: whether each frame is decoded; otherwise the packets of the file are counted.

    Returns:
        The number of frames that were found, and the fault or None.
    """
    frames, damaged = 0, 0
    try:
        if fault := _check_container(path):
            return 0, fault
        with _open(path) as (container, stream):
            if fault := _check_stream(stream):
                return 0, fault
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    frames += 1
                    damaged += packet.is_corrupt
            promised = max(frames, stream.frames)
        if decode and not damaged and frames == promised:
            frames, damaged = _decode_all(path)
    except (OSError, av.FFmpegError) as error:
        return frames, FileFault("unreadable", error.strerror or str(error))
    if frames < promised:
        return frames, FileFault(
            "truncated", f"it has {frames} frames, and its header states {promised}"
        )
    if damaged:
        kind = "unreadable" if decode else "truncated"
        return frames, FileFault(kind, f"{damaged} of its {frames} frames are damaged")
    return frames, None if frames else FileFault("no_frames", "its video stream has no frame")


def video_header(path: str) -> tuple[int | None, FileFault | None]:
    """As `check_video_file`, but reads only the beginning of the file.

    The number of frames is None if the header does not state it.
    """
    try:
        if fault := _check_container(path):
            return 0, fault
        with _open(path) as (_, stream):
            if fault := _check_stream(stream):
                return 0, fault
            return stream.frames or None, None
    except (OSError, av.FFmpegError) as error:
        return 0, FileFault("unreadable", error.strerror or str(error))


def _check_stream(stream: av.VideoStream | None) -> FileFault | None:
    if stream is None:
        return FileFault("unreadable", "it has no video stream")
    if stream.codec_context is None:
        return FileFault("unreadable", "there is no decoder for its video stream")
    return None


@contextmanager
def _open(path: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream | None]]:
    with open_container(path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is not None and stream.codec_context is not None:
            stream.codec_context.thread_count = 1
        yield container, stream


def _decode_all(path: str) -> tuple[int, int]:
    """Returns the number of frames that decode, and the number of damaged frames or packets."""
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


def _check_container(path: str) -> FileFault | None:
    """Compares the size of a file with the lengths that its container states (mp4, AVI, Matroska),
    and recognises text files."""
    try:
        size = _size(os.stat(path))  # noqa: PTH116 -- asked for every video
    except FileNotFoundError:
        return FileFault("missing", "there is no such file")
    if size == 0:
        return FileFault("empty", "it has no bytes")
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
        return FileFault("truncated", f"it breaks off after {size} of at least {end} bytes")
    if _looks_like_text(head):
        return FileFault("unreadable", f"no video: {_describe(head)}")
    return None


def _end_of_boxes(file, size: int) -> int:
    """The offset at which the boxes of an mp4 end, as they state it. It is larger than `size` if
    the file was cut off."""
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
            break  # other data after the last box
        kinds.add(head[4:8])
        if length == 0:  # the box extends to the end of the file
            return size
        at += max(length, 8)
    # If the file was cut between two boxes, then the index or the data are missing.
    whole = {b"moov", b"mdat"} <= kinds or b"moof" in kinds
    return at if whole else size + 8


def _end_of_segment(head: bytes, size: int) -> int:
    """The offset at which the segment of a Matroska file ends, as it states it; `size` if it does
    not state its length."""
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or len(head) < at + 8:
        return max(size, at + 9) if len(head) < 64 else size
    bytes_of_length = 9 - head[at].bit_length()  # the number of leading zero bits, plus one
    coded = int.from_bytes(head[at : at + bytes_of_length], "big")
    length = coded & ((1 << 7 * bytes_of_length) - 1)
    is_unknown = length == (1 << 7 * bytes_of_length) - 1
    return size if is_unknown else at + bytes_of_length + length


def _looks_like_text(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{")


def _describe(data: bytes) -> str:
    what = "a text, such as a web page, that" if _looks_like_text(data) else "it"
    return f"{what} begins with {data[:12]!r}"
