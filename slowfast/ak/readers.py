"""Which reader a list's frames come from: JPEG files or videos."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slowfast.ak.clip_list import ClipList
from slowfast.ak.jpeg_frames import JpegFrames
from slowfast.ak.reader import Reader
from slowfast.ak.video_frames import VideoFrames

__all__ = ["JpegFrames", "Reader", "VideoFrames", "make_reader", "open_reader"]


@lru_cache(maxsize=16)
def open_reader(clips: ClipList, frames: str, image_folder: str, video_folder: str) -> Reader:
    """The reader of a list's frames, as `make_reader`, once its files are known to be there.

    The reader of a list is checked once a process. Raises UserError, as `Reader.check`.
    """
    reader = make_reader(clips, frames, image_folder, video_folder)
    reader.check()
    return reader


def make_reader(clips: ClipList, frames: str, image_folder: str, video_folder: str) -> Reader:
    """The reader of a list's frames, whether its files are there or not.

    `frames` is image, video, or auto: images where the image folder is there and not empty, else
    videos.
    """
    if frames == "auto":
        frames = "image" if not image_folder or _has_entries(image_folder) else "video"
    return (
        JpegFrames(clips, image_folder) if frames == "image" else VideoFrames(clips, video_folder)
    )


def _has_entries(folder: str) -> bool:
    path = Path(folder)
    return path.is_dir() and next(path.iterdir(), None) is not None
