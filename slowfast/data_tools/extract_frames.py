"""Extracts the frames of videos to JPEG files, numbered from 1 as in Animal Kingdom.

    <videos>/<clip>.mp4  ->  <images>/<clip>/<clip>_000001.jpg ...

Image k + 1 is frame k of the video reader, with the same colours and the rotation that the file
states. The folder of a clip is written under another name and renamed when it is complete. So an
extraction that was stopped can be repeated: clips whose folder exists are skipped.
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

    Attributes:
        short_side: larger frames are scaled down so that their shorter side has this many pixels,
            by area averaging; 0 keeps the size.
        quality: JPEG quality, 1 to 100.
    """

    short_side: int = 0
    quality: int = 92


@dataclass(frozen=True)
class Extracted:
    """The result of an extraction.

    Attributes:
        written: clips that were written.
        frames: frames that were written.
        present: clips whose folder existed already.
        failures: for each video that could not be decoded, the reason.
    """

    written: int
    frames: int
    present: int
    failures: tuple[str, ...]


def extract_frames(videos: Path, images: Path, settings: Extraction, workers: int = 0) -> Extracted:
    """Writes the frames of all videos below a folder.

    A video that cannot be decoded is left out and listed in the result.

    Args:
        workers: videos at a time; 0 takes one for each core.

    Raises:
        UserError: there is no video, two videos would have the same folder of frames, a setting is
            out of range, or frames cannot be written.
    """
    if settings.short_side < 0 or not 1 <= settings.quality <= 100:
        raise UserError(
            f"--short-side {settings.short_side} --quality {settings.quality}: expected a short "
            "side of 0 (keep the size) or more pixels, and a quality of 1 to 100."
        )
    if workers < 0:
        raise UserError(f"--workers {workers}: expected 0 (one for each core) or more.")
    jobs = _find_videos(videos)
    missing = [name for name in jobs if not (images / name).is_dir()]
    try:
        images.mkdir(parents=True, exist_ok=True)
        results = run_all(
            missing,
            lambda name: _extract(jobs[name], images / name, settings),
            "extracting",
            workers,
        )
    except OSError as error:
        raise UserError(f"{images}: frames cannot be written: {error}.") from None
    frames = [count for count in results if isinstance(count, int)]
    failures = tuple(reason for reason in results if isinstance(reason, str))
    return Extracted(len(frames), sum(frames), len(jobs) - len(missing), failures)


def _find_videos(folder: Path) -> dict[str, Path]:
    """Finds the videos below a folder, sorted; the key is the path without its extension."""
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the folder of the videos.")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_EXTENSIONS and path.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise UserError(
                    f"{path}: its frames would go to the same folder as the frames of "
                    f"{found[name]}. Rename one of the two videos."
                )
            found[name] = path
    if not found:
        raise UserError(
            f"{folder}: there is no video in it (no {', '.join(VIDEO_EXTENSIONS)}); name the "
            "folder of the videos."
        )
    return found


def _extract(video: Path, images: Path, settings: Extraction) -> int | str:
    """Writes the frames of one video.

    Returns:
        The number of frames, or the reason why the video cannot be decoded.

    Raises:
        OSError: a file cannot be written.
    """
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
