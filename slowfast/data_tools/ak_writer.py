"""Writes a data set in the layout of Animal Kingdom, which the data set `ak` reads.

    <root>/video/<clip>.mp4                    H.264
    <root>/image/<clip>/<clip>_000001.jpg ...  the frames that decode from this file
    <root>/annot/{train,val}.csv               frame lists in Charades format
    <root>/annot/df_action.xlsx                names, segments and training counts of the classes

A clip is written under another name and renamed when it is complete. So a caller that was stopped
can continue: `has_clip` is true for complete clips only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from openpyxl import Workbook

from slowfast.ak.frames.pyav import open_container

LIST_HEADER = "original_vido_id video_id frame_id path labels"  # misspelled in the format itself
LIGHT_HEADER = "video_id;labels"
SHEET_HEADER = ("action_category", "action", "index", "segment", "count")


@dataclass(frozen=True)
class ListedClip:
    """One clip of a frame list.

    Attributes:
        labels: class ids.
        files: paths of its frames below the image folder; empty for the usual
            `<clip>/<clip>_000001.jpg` and so on.
    """

    name: str
    num_frames: int
    labels: tuple[int, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListedClass:
    """One row of the class sheet; the id of the class is the position of the row.

    Attributes:
        count: training clips.
    """

    name: str
    category: str
    segment: str
    count: int


def make_folders(root: Path) -> None:
    """Makes annot/, image/ and video/ below `root`."""
    for name in ("annot", "image", "video"):
        (root / name).mkdir(parents=True, exist_ok=True)


def has_clip(root: Path, name: str) -> bool:
    """Whether this clip is complete, as a video and as frames."""
    return (root / "video" / f"{name}.mp4").is_file() and (root / "image" / name).is_dir()


def count_frames(root: Path, name: str) -> int:
    """Returns the number of JPEG frames of a complete clip."""
    return sum(1 for _ in (root / "image" / name).glob("*.jpg"))


def encode_mp4(path: Path, frames: Iterable[np.ndarray], fps: Fraction, crf: int) -> int:
    """Writes frames as H.264.

    Args:
        frames: uint8 RGB (H, W, 3), with even height and width.
        crf: quality scale of x264; 18 looks lossless, 28 is rough.

    Returns:
        The number of frames.
    """
    num_frames = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        # One thread: several clips are written in parallel, and all machines write the same bytes.
        stream.codec_context.thread_count = 1
        # Without the macroblock tree of x264, whose estimates differ between runs.
        params = {"x264-params": "mbtree=0"}
        stream.options = {"crf": str(crf), "preset": "veryfast", **params}
        for pixels in frames:
            if num_frames == 0:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            num_frames += 1
        if num_frames:
            container.mux(stream.encode())
    return num_frames


def decode_rgb(path: Path) -> Iterator[np.ndarray]:
    """Yields the frames of a video file in order, as uint8 RGB (H, W, 3)."""
    with open_container(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1  # the start of more takes longer
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def write_clip(
    root: Path,
    name: str,
    frames: Iterable[np.ndarray],
    *,
    fps: Fraction,
    crf: int = 20,
    jpeg_quality: int = 92,
) -> int:
    """Writes one clip as a video and as JPEG frames.

    Args:
        frames: uint8 RGB (H, W, 3), all with the same even height and width.

    Returns:
        The number of frames. If it is 0, then nothing was written.
    """
    video, images = root / "video" / f"{name}.mp4", root / "image" / name
    new_video, new_images = root / "video" / f".{name}.part", root / "image" / f".{name}.part"
    num_frames = encode_mp4(new_video, frames, fps, crf)
    if num_frames == 0:
        new_video.unlink(missing_ok=True)
        return 0
    if not images.is_dir():
        new_images.mkdir(exist_ok=True)
        # The JPEGs are decoded from the mp4, so that both kinds of readers see the same clip.
        for number, pixels in enumerate(decode_rgb(new_video), start=1):
            path = new_images / f"{name}_{number:06d}.jpg"
            quality = (cv2.IMWRITE_JPEG_QUALITY, jpeg_quality)
            if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality):
                raise OSError(f"{path}: cannot be written")
        if number != num_frames:
            raise RuntimeError(f"{new_video}: {num_frames} frames were written, {number} decode")
        new_images.rename(images)
    new_video.replace(video)
    return num_frames


def write_frame_list(path: Path, clips: Sequence[ListedClip]) -> None:
    """Writes clips in Charades format: one line for each frame, clips counted from 1, frames from
    0."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(LIST_HEADER + "\n")
        for number, clip in enumerate(clips, start=1):
            name, labels = _field(clip.name, " "), _labels(clip)
            for frame in range(clip.num_frames):
                image = clip.files[frame] if clip.files else frame_file(clip.name, frame)
                file.write(f'{name} {number} {frame} {_field(image, " ")} "{labels}"\n')
    part.replace(path)


def write_light_list(path: Path, clips: Sequence[ListedClip]) -> None:
    """Writes one line `video_id;labels` for each clip. A reader then looks for the frames on the
    disk."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(LIGHT_HEADER + "\n")
        file.writelines(f"{_field(clip.name, ';')};{_labels(clip)}\n" for clip in clips)
    part.replace(path)


def frame_file(name: str, frame: int) -> str:
    """Returns the path of a frame below the image folder; frames are counted from 0."""
    return f"{name}/{name.rpartition('/')[2]}_{frame + 1:06d}.jpg"


def _labels(clip: ListedClip) -> str:
    return ",".join(str(label) for label in sorted(clip.labels))


def _field(text: str, mark: str) -> str:
    """Returns a field as the csv module reads it: in quotes if it contains the separator."""
    return '"' + text.replace('"', '""') + '"' if mark in text or '"' in text else text


def write_class_sheet(path: Path, classes: Sequence[ListedClass]) -> None:
    """Writes the classes in the order of their ids, with the columns of df_action.xlsx."""
    book = Workbook()
    sheet = book.active
    sheet.title = "AR_count"
    sheet.append(SHEET_HEADER)
    for index, entry in enumerate(classes):
        sheet.append((entry.category, entry.name, index, entry.segment, entry.count))
    part = path.with_suffix(".part")
    book.save(part)
    part.replace(path)


def count_labels(clips: Iterable[ListedClip], num_classes: int) -> list[int]:
    """Returns the number of clips of each class."""
    counts = [0] * num_classes
    for clip in clips:
        for label in set(clip.labels):
            counts[label] += 1
    return counts


def segment_of(count: int, head_min: int, tail_max: int) -> str:
    """Returns the segment of a class with `count` training clips: head, middle or tail."""
    if count >= head_min:
        return "head"
    return "tail" if count <= tail_max else "middle"
