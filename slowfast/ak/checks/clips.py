"""Checks the clips of a list against the files on the disk, and two lists against each other.

A check finds all faults, whereas a reader stops at the first one. A folder of frames is listed
once; its files are opened at the levels that need it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np

from slowfast.ak.checks.files import FileFault, check_image_file, check_video_file, video_header
from slowfast.ak.clips.bad_clips import TimeIsUp, TimeLimit
from slowfast.ak.errors import BadClip
from slowfast.ak.frames.images import FLOW, JpegFrames
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList, NumClasses
from slowfast.ak.paths import is_file, is_remote, local_path

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png")
LEVELS = {
    "names": "whether the files exist",
    "ends": "also the file of the first and of the last frame, or the header of the video",
    "files": "the beginning and the end of each image, all packets of each video",
    "decode": "each frame, decoded",
}
SAMPLE = 64  # clips of a list that are checked before training, which takes a moment


@dataclass(frozen=True)
class Fault:
    """A fault of a clip.

    Attributes:
        kind: the kind of a `FileFault`, or label, both_splits, and others of `check_data`.
        list, line: the first line of the clip in its list.
        path: a file or a folder; empty if the fault is not in a file.
        text: what was found, in words.
    """

    kind: str
    clip: str
    list: str
    line: int
    path: str
    text: str


def fault(clips: ClipList, clip: int, kind: str, text: str, path: str = "") -> Fault:
    """Returns a fault of a clip of the list."""
    return Fault(kind, clips.name(clip), str(clips.path), clips.line(clip), path, text)


def check_clip(reader: FrameReader, clip: int, level: str = "files") -> list[Fault]:
    """Returns the faults of the files of a clip that a check at a level of `LEVELS` finds."""
    if isinstance(reader, VideoFrames):
        faults = _check_video(reader, clip, level)
    elif isinstance(reader, JpegFrames):
        faults = _check_images(reader, clip, level)
    else:
        raise TypeError(f"no check for the frames of a {type(reader).__name__}")
    found = []
    try:
        for path, (kind, text) in faults:
            found.append(fault(reader.clips, clip, kind, text, path))
    except OSError as error:  # a remote file cannot be fetched
        found.append(fault(reader.clips, clip, "unreadable", str(error), reader.place(clip)))
    return found


def _check_images(reader: JpegFrames, clip: int, level: str) -> Iterator[tuple[str, FileFault]]:
    try:
        paths = reader.paths(clip)  # a list with one line per clip: the files of its folder
    except BadClip:
        if reader.missing(clip):
            yield reader.place(clip), FileFault("missing", "there is no such folder")
        else:
            text = "it has no frame with a name like <name>_000001.jpg"
            yield reader.place(clip), FileFault("no_frames", text)
        return
    count = len(paths)
    exists, extra = _find_files(paths, reader.clips.name(clip))
    present = [frame for frame in range(count) if exists[frame]]
    missing = [paths[frame] for frame in range(count) if not exists[frame]]
    if missing:
        text = f"{len(missing)} of the {count} frames of the clip are missing; this is the first"
        yield missing[0], FileFault("missing", text)
    if extra:
        folder = os.path.dirname(paths[0])  # noqa: PTH120
        text = f"the folder has {len(extra)} frames that are not in the list, such as {min(extra)}"
        yield folder, FileFault("extra_frames", text)
    stated = reader.clips.num_frames(clip)
    if stated != count and stated is not None:
        text = f"its folder has {count} frames, and the list states {stated}"
        yield reader.place(clip), FileFault("frame_count", text)
    if level == "names":
        return
    if level == "ends":
        present = present[:1] + present[1:][-1:]
    faults: dict[str, list[tuple[str, FileFault]]] = {}
    for frame in present:
        found = check_image_file(local_path(paths[frame]), reader.value_range)
        if level == "decode" and (not found or found.kind == "rotated"):
            found = _check_decoding(reader, clip, frame) or found
        if found:
            faults.setdefault(found.kind, []).append((paths[frame], found))
    for (path, first), *others in faults.values():
        frames = "frame" if len(others) == 1 else "frames"
        more = f"; the same in {len(others)} more {frames} of the clip" if others else ""
        yield path, FileFault(first.kind, first.text + more)


def _check_decoding(reader: FrameReader, clip: int, frame: int) -> FileFault | None:
    """Reads a frame as training reads it; returns the fault that the reader reports."""
    try:
        next(iter(reader.frames(clip, [frame])))
    except BadClip as error:
        return FileFault("unreadable", str(error))
    return None


def _find_files(paths: list[str], name: str) -> tuple[list[bool], set[str]]:
    """Returns whether each file of a clip exists, and other images in the folder of the clip.

    If all files are in a folder with the name of the clip, then that folder is listed once.
    Otherwise each file is looked up.
    """
    folders = {os.path.dirname(path) for path in paths}  # noqa: PTH120 -- of each frame
    folder = next(iter(folders))
    own = len(folders) == 1 and not is_remote(folder)
    if not own or not f"/{folder}".endswith(f"/{name}"):
        return [is_file(path) for path in paths], set()
    try:
        listed = set(os.listdir(folder))  # noqa: PTH208
    except OSError:
        listed = set()
    wanted = [path[len(folder) + 1 :] for path in paths]
    exists = [file in listed for file in wanted]
    return exists, {file for file in listed.difference(wanted) if is_image(file)}


def is_image(file: str) -> bool:
    """Whether a file name is the name of a frame. Files of the system begin with a dot."""
    return file.lower().endswith(IMAGE_EXTENSIONS) and not file.startswith((".", *FLOW))


def _check_video(reader: VideoFrames, clip: int, level: str) -> Iterator[tuple[str, FileFault]]:
    path = str(reader.path(clip))
    if reader.missing(clip):
        yield path, FileFault("missing", "there is no such file")
        return
    if level == "names":
        return
    if level == "ends":
        frames, found = video_header(local_path(path))
    else:
        frames, found = check_video_file(local_path(path), decode=level == "decode")
    listed = reader.clips.num_frames(clip)
    if found:
        yield path, found
    elif None not in (frames, listed) and frames != listed:
        yield path, FileFault("frame_count", f"it has {frames} frames, and the list {listed}")


def check_labels(clips: ClipList, num_classes: NumClasses) -> list[Fault]:
    """Returns a fault for each clip with a label of num_classes or more."""
    if clips.columns:
        columns = ((clips.column(name), num_classes[name]) for name in clips.columns)
        return [found for column in columns for found in check_labels(*column)]
    if clips.highest_label < num_classes:
        return []
    outside = {
        clip: [label for label in clips.labels(clip) if label >= num_classes]
        for clip in range(len(clips))
    }
    return [
        fault(clips, clip, "label", f"labels {labels} are outside 0..{num_classes - 1}")
        for clip, labels in outside.items()
        if labels
    ]


def shared_clips(train: ClipList, other: ClipList) -> list[Fault]:
    """Returns a fault for each clip of another list that is in the training list too, by name.

    A name in a tree of images has the folder of its split, so that two trees share none.
    """
    if train.is_tree and other.is_tree:
        return []
    in_train = {train.name(clip): clip for clip in range(len(train))}
    return [
        fault(other, clip, "both_splits", f"it is also in {train.path}:{train.line(twin)}")
        for clip in range(len(other))
        if (twin := in_train.get(other.name(clip))) is not None
    ]


def sample_warnings(train: FrameReader, val: FrameReader, seconds: float = 0) -> list[str]:
    """Returns warnings about the data of a run: clips in both lists, and faults in a sample.

    It takes a moment, because it checks `SAMPLE` clips of each list. Remote files are not fetched.

    Args:
        seconds: if the files of a clip do not answer within this time, the check of its list ends;
            0 sets no limit.
    """
    limit = TimeLimit(seconds)
    warnings = []
    shared = shared_clips(train.clips, val.clips)
    if shared:
        warnings.append(
            f"{len(shared)} of the {len(val.clips)} clips of {val.clips.path} are training clips "
            f"too, so its figures will be too good: {_names(shared)}. Remove these clips from one "
            "of the two lists."
        )
    for reader in (train, val):
        if not isinstance(reader, JpegFrames | VideoFrames) or is_remote(reader.place(0)):
            continue
        clips = np.unique(np.linspace(0, len(reader.clips) - 1, SAMPLE).astype(int)).tolist()
        found, own = [], copy(reader)  # a check that hangs can continue while clips are read
        for checked, clip in enumerate(clips):
            try:
                found += limit.call(check_clip, own, clip, "ends")
            except TimeIsUp:
                warnings.append(
                    f"{reader.place(clip)}: clip {reader.clips.name(clip)} did not answer within "
                    f"{seconds:g} seconds (DATA.READ_TIMEOUT). The other clips of "
                    f"{reader.clips.path} are not checked. See whether its disk or file server "
                    "answers."
                )
                clips = clips[:checked]
                break
        if found:
            first = found[0]
            bad = len({fault.clip for fault in found})
            warnings.append(
                f"{reader.clips.path}: {bad} of {len(clips)} clips in a sample have faults: "
                f"{_names(found)}. The first fault is {first.path}: {first.text}."
            )
    return warnings


def _names(faults: list[Fault]) -> str:
    return first_few(dict.fromkeys(fault.clip for fault in faults))


def first_few(names: Iterable[str], shown: int = 5) -> str:
    """Returns the first few of many names, with three dots if there are more."""
    names = list(names)
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
