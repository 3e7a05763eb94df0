"""Which reader a list's frames come from: JPEG files or videos."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slowfast.ak.frames.jpeg import JpegFrames
from slowfast.ak.frames.reader import Reader
from slowfast.ak.frames.video import Decoding, VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import is_folder, is_remote

__all__ = ["Decoding", "JpegFrames", "Reader", "VideoFrames", "open_reader"]


@lru_cache(maxsize=16)
def open_reader(
    clips: ClipList,
    frames: str,
    image_folder: str,
    video_folder: str,
    decoding: Decoding | None = None,
) -> Reader:
    """The reader of a list's frames, the same each time; `Reader.check` looks for its files.

    `frames` is image, video, or auto: images where the image folder is there and not empty, else
    videos, which are decoded as `decoding` says.
    """
    if frames == "auto":
        frames = "image" if not image_folder or _has_entries(image_folder) else "video"
    if frames == "image":
        return JpegFrames(clips, image_folder)
    return VideoFrames(clips, video_folder, decoding)


def _has_entries(folder: str) -> bool:
    if is_remote(folder):
        return is_folder(folder)
    path = Path(folder)
    return path.is_dir() and next(path.iterdir(), None) is not None
