"""Chooses the reader of a list's frames: image files or videos."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slowfast.ak.frames.images import JpegFrames, ValueRange
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.frames.video import Decoding, VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import is_folder, is_remote


@lru_cache(maxsize=16)
def open_reader(
    clips: ClipList,
    frames: str,
    image_folder: str,
    video_folder: str,
    decoding: Decoding | None = None,
    value_range: ValueRange = None,
) -> FrameReader:
    """Returns the reader of a list's frames, the same object for the same arguments.

    Args:
        frames: image, video or auto: images if the image folder exists and is not empty, else
            videos. A list of folders of images always has images, and so has a tree of class
            folders, whose names are paths beside it.
        decoding: how videos are decoded.
        value_range: the values that become black and white, in images with more than 8 bits.
    """
    if clips.is_tree:
        return JpegFrames(clips, Path(clips.path).parent, value_range)
    if frames == "auto":
        frames = "image" if not image_folder or _has_entries(image_folder) else "video"
    if frames == "image" or clips.has_folders:
        return JpegFrames(clips, image_folder, value_range)
    return VideoFrames(clips, video_folder, decoding)


def _has_entries(folder: str) -> bool:
    if is_remote(folder):
        return is_folder(folder)
    path = Path(folder)
    return path.is_dir() and next(path.iterdir(), None) is not None
