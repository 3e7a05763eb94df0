"""Extracting the frames of videos to JPEG files, numbered from 1 as Animal Kingdom's are.

    <videos>/<clip>.mp4  ->  <images>/<clip>/<clip>_000001.jpg ...

Image k + 1 is frame k as the reader of videos counts and colours it, turned as the file says. A
clip's folder is written aside and renamed when it is whole, so that work stopped half-way is taken
up again by leaving out what is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.pyav import every_frame
from slowfast.ak.frames.reader import reason
from slowfast.ak.frames.video import VIDEO_EXTENSIONS
from slowfast.data_tools.parallel import run_all


@dataclass(frozen=True)
class Extraction:
    """How frames are written.

    short_side: pixels that larger frames are scaled down to, each pixel the mean of those that it
        takes the place of; 0: frames stay as they are. quality: of JPEG, 1 to 100.
    """

    short_side: int = 0
    quality: int = 92


@dataclass(frozen=True)
class Extracted:
    """What was done: clips and frames written, clips that were there, and what failed in words."""

    written: int
    frames: int
    present: int
    failures: tuple[str, ...]


def extract_frames(videos: Path, images: Path, settings: Extraction, workers: int = 0) -> Extracted:
    """Write the frames of all videos below a folder, `workers` videos at once (0: one a core).

    A video that does not decode is left out and told of. Raises UserError where there is no video,
    two have the same name, a setting is out of its range or nothing can be written.
    """
    if settings.short_side < 0 or not 1 <= settings.quality <= 100:
        raise UserError(
            f"--short-side {settings.short_side} --quality {settings.quality}: expected a short "
            "side of 0 (as it is) or more pixels and a quality of 1 to 100."
        )
    if workers < 0:
        raise UserError(f"--workers {workers}: expected 0 (one for each core) or more.")
    jobs = _find_videos(videos)
    there = {name for name in jobs if (images / name).is_dir()}
    lacking = [name for name in jobs if name not in there]
    try:
        images.mkdir(parents=True, exist_ok=True)
        counts = run_all(
            lacking,
            lambda name: _extract(jobs[name], images / name, settings),
            "extracting",
            workers,
        )
    except OSError as error:
        raise UserError(f"{images}: frames cannot be written: {error}.") from None
    frames = [count for count in counts if isinstance(count, int)]
    failures = tuple(words for words in counts if isinstance(words, str))
    return Extracted(len(frames), sum(frames), len(there), failures)


def _find_videos(folder: Path) -> dict[str, Path]:
    """Videos by the names of their clips, folders in `folder` included, in order."""
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the one that holds the videos.")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_EXTENSIONS and path.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise UserError(f"{path}: its frames would go where those of {found[name]} go.")
            found[name] = path
    if not found:
        raise UserError(
            f"{folder}: there is no video in it (no {', '.join(VIDEO_EXTENSIONS)}); name the "
            "folder that holds them."
        )
    return found


def _extract(video: Path, images: Path, settings: Extraction) -> int | str:
    """Write one clip; how many frames, or why there are none. Raises OSError where it cannot."""
    part = images.with_name(f".{images.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    count = 0
    try:
        for count, pixels in enumerate(_decode(video), 1):
            jpeg = _encode(pixels, settings)
            (part / f"{images.name}_{count:06d}.jpg").write_bytes(jpeg)
        if not count:
            raise BadClip(f"{video}: it has no picture")
    except BadClip as error:
        shutil.rmtree(part)
        return str(error)
    part.rename(images)
    return count


def _decode(video: Path) -> Iterator[np.ndarray]:
    try:
        yield from every_frame(str(video))
    except (OSError, av.FFmpegError) as error:
        raise BadClip(f"{video}: {reason(error)}") from None


def _encode(pixels: np.ndarray, settings: Extraction) -> memoryview:
    height, width = pixels.shape[:2]
    share = settings.short_side / min(height, width)
    if 0 < share < 1:
        size = (round(width * share), round(height * share))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR)
    return cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, settings.quality))[1].data
