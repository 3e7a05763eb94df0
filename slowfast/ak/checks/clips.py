"""The clips of a list against the files on the disk, and two lists against each other.

Notable: a check finds all that is wrong and goes on, where reading stops at the first thing. A
folder of frames is listed once; each file of it is opened only at the levels that say so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np

from slowfast.ak.checks.files import FileFlaw, check_video_file, image_flaw, video_header
from slowfast.ak.clips.bad_clips import TimeIsUp, TimeLimit
from slowfast.ak.errors import BadClip
from slowfast.ak.frames.images import JpegFrames
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import is_file, is_remote, local_path

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png")
LEVELS = {
    "names": "which files are there",
    "ends": "these, and the first and last frame's file, or the video's header",
    "files": "beginning and end of each image, all packets of each video",
    "decode": "each frame, decoded",
}
SAMPLE = 64  # clips of a list that are looked at before training: a moment's work
_NAMED = 5


@dataclass(frozen=True)
class Fault:
    """What is wrong with a clip.

    kind: that of a `FileFlaw`, or extra_frames, frame_count, label, both_splits. list, line: where
    the clip stands first. path: a file or a folder, "" where it is not about one.
    """

    kind: str
    clip: str
    list: str
    line: int
    path: str
    text: str


def fault(clips: ClipList, clip: int, kind: str, text: str, path: str = "") -> Fault:
    """A fault of a clip of the list."""
    return Fault(kind, clips.name(clip), str(clips.path), clips.line(clip), path, text)


def check_clip(reader: FrameReader, clip: int, level: str = "files") -> list[Fault]:
    """What is wrong with the files of a clip, as far as a level of `LEVELS` looks."""
    if isinstance(reader, VideoFrames):
        flaws = _check_video(reader, clip, level)
    elif isinstance(reader, JpegFrames):
        flaws = _check_images(reader, clip, level)
    else:
        raise TypeError(f"no check for the frames of a {type(reader).__name__}")
    found = []
    try:
        for path, flaw in flaws:
            found.append(fault(reader.clips, clip, flaw.kind, flaw.text, path))
    except OSError as error:  # a remote file that cannot be fetched
        found.append(fault(reader.clips, clip, "unreadable", str(error), reader.place(clip)))
    return found


def _check_images(reader: JpegFrames, clip: int, level: str) -> Iterator[tuple[str, FileFlaw]]:
    try:
        paths = reader.paths(clip)  # of a list of one line a clip, what lies in its folder
    except BadClip:
        if reader.missing(clip):
            yield reader.place(clip), FileFlaw("missing", "there is no such folder")
        else:
            yield reader.place(clip), FileFlaw("no_frames", "it has no frame, <name>_000001.jpg")
        return
    count = len(paths)
    there, extra = _present(paths, reader.clips.name(clip))
    present = [frame for frame in range(count) if there[frame]]
    absent = [path for path, is_there in zip(paths, there, strict=True) if not is_there]
    if absent:
        some = "none of its" if len(absent) == count else f"{len(absent)} of its"
        yield (
            absent[0],
            FileFlaw("missing", f"{some} {count} frames, this being the first, are there"),
        )
    if extra:
        folder = os.path.dirname(paths[0])  # noqa: PTH120
        text = f"the folder has {len(extra)} frames that the list does not name, as {min(extra)}"
        yield folder, FileFlaw("extra_frames", text)
    if level == "names":
        return
    if level == "ends":
        present = present[:1] + present[1:][-1:]
    flaws: dict[str, list[tuple[str, FileFlaw]]] = {}
    for frame in present:
        flaw = image_flaw(local_path(paths[frame]))
        if not flaw and level == "decode":
            flaw = _decoding_flaw(reader, clip, frame)
        if flaw:
            flaws.setdefault(flaw.kind, []).append((paths[frame], flaw))
    for (path, flaw), *others in flaws.values():
        frames = "frame" if len(others) == 1 else "frames"
        more = f"; and so {len(others)} more {frames} of the clip" if others else ""
        yield path, FileFlaw(flaw.kind, flaw.text + more)


def _decoding_flaw(reader: FrameReader, clip: int, frame: int) -> FileFlaw | None:
    """What the reader itself, whose word counts in training, has against a frame."""
    try:
        next(iter(reader.frames(clip, [frame])))
    except BadClip as error:
        return FileFlaw("unreadable", str(error))
    return None


def _present(paths: list[str], name: str) -> tuple[list[bool], set[str]]:
    """Whether each file of a clip is there, and the images beside them that are not the clip's.

    A folder that is the clip's own is listed, once; in any other each file is asked for.
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
    there = [file in listed for file in wanted]
    return there, {file for file in listed.difference(wanted) if is_image(file)}


def is_image(file: str) -> bool:
    """Whether a file is a frame by its name; what begins with a dot is the system's."""
    return file.lower().endswith(IMAGE_EXTENSIONS) and not file.startswith(".")


def _check_video(reader: VideoFrames, clip: int, level: str) -> Iterator[tuple[str, FileFlaw]]:
    path = str(reader.path(clip))
    if reader.missing(clip):
        yield path, FileFlaw("missing", "there is no such file")
        return
    if level == "names":
        return
    if level == "ends":
        frames, flaw = video_header(local_path(path))
    else:
        frames, flaw = check_video_file(local_path(path), decode=level == "decode")
    listed = reader.clips.num_frames(clip)
    if flaw:
        yield path, flaw
    elif None not in (frames, listed) and frames != listed:
        yield path, FileFlaw("frame_count", f"it has {frames} frames, the list says {listed}")


def check_labels(clips: ClipList, num_classes: int) -> list[Fault]:
    """The clips with a label that is not below num_classes."""
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
    """The clips of a list that is measured on which are trained on too, by name."""
    trained = {train.name(clip): clip for clip in range(len(train))}
    return [
        fault(other, clip, "both_splits", f"it is trained on too: {train.path}:{train.line(twin)}")
        for clip in range(len(other))
        if (twin := trained.get(other.name(clip))) is not None
    ]


def doubts_about(train: FrameReader, val: FrameReader, seconds: float = 0) -> list[str]:
    """Warnings for a person: clips in both splits, and flaws of a sample of the clips.

    Takes a moment; it is what is left to look at before training once `FrameReader.check` has
    looked for files, and `ClipList.read` at labels. What is remote is not fetched for it. A clip
    whose files do not answer in so many seconds ends the look at its list; 0: they may take as long
    as they like.
    """
    limit = TimeLimit(seconds)
    doubts = []
    shared = shared_clips(train.clips, val.clips)
    if shared:
        doubts.append(
            f"{len(shared)} of the {len(val.clips)} clips of {val.clips.path} are trained on too, "
            f"so that figures on it are too good: {_some(shared)}. Take them out of one list."
        )
    for reader in (train, val):
        if not isinstance(reader, JpegFrames | VideoFrames) or is_remote(reader.place(0)):
            continue
        clips = np.unique(np.linspace(0, len(reader.clips) - 1, SAMPLE).astype(int)).tolist()
        found, beside = [], copy(reader)  # a look that hangs may come back when clips are read
        for looked_at, clip in enumerate(clips):
            try:
                found += limit.call(check_clip, beside, clip, "ends")
            except TimeIsUp:
                doubts.append(
                    f"{reader.place(clip)}: clip {reader.clips.name(clip)} did not answer within "
                    f"{seconds:g} seconds (DATA.READ_TIMEOUT); no more clips of "
                    f"{reader.clips.path} are looked at. See whether its disk or file server "
                    "answers."
                )
                clips = clips[:looked_at]
                break
        if found:
            first = found[0]
            bad = len({fault.clip for fault in found})
            doubts.append(
                f"{bad} of {len(clips)} clips of {reader.clips.path}, looked at as a sample, have "
                f"faults: {_some(found)}. The first: {first.path}: {first.text}."
            )
    return doubts


def _some(faults: list[Fault]) -> str:
    names = list(dict.fromkeys(fault.clip for fault in faults))
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
