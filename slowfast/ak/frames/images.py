"""Frames that are image files, usually JPEGs: finding, reading and decoding them.

libjpeg-turbo decodes JPEGs directly to four bytes a pixel, and refuses a file that is cut off or
damaged. OpenCV decodes other formats. Both give the same pixels, in the order in which the file has
them: a rotation that the camera has noted (EXIF) is ignored. Of values with more than 8 bits the
highest 8 are taken, unless a range of values is given, which then becomes 0 to 255.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from slowfast.ak.errors import BadClip
from slowfast.ak.frames.reader import FrameReader, reason
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import is_file, is_folder, join, local_path, names_in

ValueRange = tuple[float, float] | None

# A damaged header can claim up to 65500 x 65500 pixels, which would take 17 GB.
MAX_PIXELS = 2**26
# MMAction2 keeps optical flow beside the frames, in files such as flow_x_00001.jpg.
FLOW = ("flow_x_", "flow_y_")
# Names that begin with a dot are left out: some systems write such files beside each frame.
_FRAME = re.compile(
    rf"(?!\.|{'|'.join(FLOW)})(?:.*[^0-9])?([0-9]+)\.jpe?g", re.ASCII | re.IGNORECASE | re.DOTALL
)


class JpegFrames(FrameReader):
    """Reads frames from image files, one file a frame.

    If the list has frames, their paths are below a folder. If not, a clip's frames are the files in
    the folder with the clip's name, in the order of their numbers.

    Args:
        folder: the image folder.
        value_range: the values that become black and white, in images with more than 8 bits.
    """

    def __init__(self, clips: ClipList, folder: str | Path, value_range: ValueRange = None):
        super().__init__(clips)
        self.folder, self.value_range = str(folder), value_range
        self._listed: tuple[int, list[str]] = (-1, [])

    def num_frames(self, clip: int) -> int:
        """The number of frames that the list has or states, or else in the clip's folder.

        Raises:
            BadClip: the number is needed from the clip's folder, and it has no frames.
        """
        listed = self.clips.num_frames(clip)
        return len(self._files(clip)) if listed is None else listed

    def path(self, clip: int, frame: int) -> str:
        """The file of a frame. An absolute path in the list, or a URL, is not changed.

        Raises:
            BadClip: the clip's folder has fewer frames, or cannot be read.
        """
        if self.clips.has_frames:
            return join(self.folder, self.clips.frame_path(clip, frame))
        files, folder = self._files(clip), self._clip_folder(clip)
        if frame >= len(files):
            found = f"its folder has {len(files)} frames, and the list states more"
            raise self._unreadable(clip, folder, found, f"frame {frame + 1}")
        return f"{folder}/{files[frame]}"

    def paths(self, clip: int) -> list[str]:
        """The files of all frames of a clip. Raises BadClip as `num_frames`."""
        if self.clips.has_frames:
            return [self.path(clip, frame) for frame in range(self.clips.num_frames(clip))]
        folder = self._clip_folder(clip)
        return [f"{folder}/{file}" for file in self._files(clip)]

    def place(self, clip: int) -> str:
        """The folder of the clip's first frame."""
        if not self.clips.has_frames:
            return self._clip_folder(clip)
        return os.path.dirname(self.path(clip, 0))  # noqa: PTH120 -- it can be remote

    def missing(self, clip: int) -> tuple[int, str] | None:
        """The first or the last frame and its file, if the file is missing; else None.

        If the list has no frames: the first frame, if the clip has no folder.
        """
        if not self.clips.has_frames:
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
                image = decode_image(_read(local_path(path)), image, self.value_range)
            except (OSError, ValueError) as error:
                raise self._unreadable(clip, path, reason(error)) from None
            yield image

    def _replacements(self, clip: int, wanted: list[int], error: BadClip) -> Iterator[np.ndarray]:
        """Gives the nearest frame that decodes for each frame; if two are as near, the earlier."""
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
        self.problems[clip] = f"{error} {replaced} frames of this clip do not decode."

    def _clip_folder(self, clip: int) -> str:
        return join(self.folder, self.clips.name(clip))

    def _files(self, clip: int) -> list[str]:
        """The frames in a clip's folder, in order. The last clip's files are kept."""
        listed, files = self._listed
        if clip != listed:
            folder = self._clip_folder(clip)
            try:
                files = frame_files(folder)
            except OSError as error:
                raise self._unreadable(clip, folder, reason(error), "the frames") from None
            if not files:
                found = "no file in its folder is a frame, such as <name>_000001.jpg"
                raise self._unreadable(clip, folder, found, "the frames")
            self._listed = clip, files
        return files

    def _unreadable(self, clip: int, path: str, found: str, what: str = "this frame") -> BadClip:
        return BadClip(
            f"{path}: cannot read {what} of clip {self.clips.name(clip)}: {found}. Extract or "
            f"copy the clip's frames again, or {self.clips.how_to_leave_out}."
        )


def frame_files(folder: str) -> list[str]:
    """The frames in a folder, `<name>_000012.jpg` or `12.jpg`, in the order of their numbers.

    Raises:
        OSError: the folder cannot be listed.
    """
    frames = [
        (int(found[1]), found[0]) for found in map(_FRAME.fullmatch, names_in(folder)) if found
    ]
    return [name for _, name in sorted(frames)]


def _read(path: str) -> bytes:
    """The bytes of a file. For small files this takes a third of the time of np.fromfile."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # O_BINARY: Windows only
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size)
        while len(data) < size and (more := os.read(file, size - len(data))):
            data += more  # some file systems return less than was asked for
        return data
    finally:
        os.close(file)


def decode_image(
    data: bytes, memory: np.ndarray | None = None, value_range: ValueRange = None
) -> np.ndarray:
    """Decodes the bytes of an image file to uint8 (H, W, 4) RGBX, for any colours and depth.

    Args:
        memory: an array whose memory is used for the result if it is large enough.
        value_range: as in `JpegFrames`.

    Raises:
        ValueError: the bytes are not a complete image.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return _decode_other(data, value_range)
    if height * width > MAX_PIXELS:
        raise ValueError(f"it claims to be a picture of {width} x {height} pixels")
    if memory is None or memory.nbytes < 4 * height * width:
        memory = _memory(4 * height * width)
    return simplejpeg.decode_jpeg(data, "RGBX", buffer=memory, strict=True)


def _memory(size: int) -> np.ndarray:
    """An array of `size` bytes whose address is an odd multiple of 16.

    libjpeg-turbo writes rows at multiples of 32 past the processor's cache. Scaling such a picture
    directly afterwards takes four times as long.
    """
    block = np.empty(size + 32, np.uint8)
    start = (16 - block.ctypes.data) % 32
    return block[start : start + size]


def _decode_other(data: bytes, value_range: ValueRange) -> np.ndarray:
    image = decode_deep(data) if value_range else _decode(data, cv2.IMREAD_COLOR_RGB)
    if value_range and image.dtype != np.uint8:
        low, high = value_range
        image = np.clip((image.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        image = image.round().astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)


def decode_deep(data: bytes) -> np.ndarray:
    """Decodes an image file to RGB (H, W, 3) with the values of the file, of any depth.

    Raises:
        ValueError: the bytes are not an image.
    """
    return _decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)


def _decode(data: bytes, flags: int) -> np.ndarray:
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise ValueError(f"{len(data)} bytes that do not decode ({error.err})") from None
    if image is None:
        raise ValueError(f"{len(data)} bytes that are not an image")
    return image
