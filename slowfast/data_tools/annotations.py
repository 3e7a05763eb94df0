"""Frame lists made from a sheet of clips and the videos or frames on the disk.

The sheet says which clips there are, their split and labels (`metadata_sheet`); the disk says how
many frames each has. A clip without a file is left out, and named. Lists are written when all clips
have been looked at, so that one that is there is whole.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slowfast.ak.checks.clips import is_image
from slowfast.ak.checks.files import check_video_file
from slowfast.ak.classes.table import ANIMAL_KINGDOM, SHEETS
from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import frame_files
from slowfast.ak.frames.video import VIDEO_ENDINGS
from slowfast.data_tools import ak_writer
from slowfast.data_tools.ak_writer import ListedClass, ListedClip
from slowfast.data_tools.metadata_sheet import METADATA, SheetClip, read_sheet_of_clips
from slowfast.data_tools.parallel import run_all

_NAMED = 5


@dataclass(frozen=True)
class Annotations:
    """What was made: the clips of each list by its path, those left out and why, files of no clip
    of the sheet, and what was put beside the lists."""

    lists: dict[Path, list[ListedClip]]
    left_out: dict[str, str]
    not_in_sheet: list[str]
    beside: list[Path]


def make_annotations(
    sheet: Path,
    folder: Path,
    out: Path,
    *,
    videos: bool,
    light: bool = False,
    strict: bool = False,
    force: bool = False,
) -> Annotations:
    """Writes train.csv and val.csv into `out`, and what training wants beside them.

    folder: of videos, `<clip>.mp4`, or of images, `<clip>/*.jpg`. light: a line a clip, without
    counting frames. strict: refuse where any clip has to be left out. force: overwrite lists.

    Raises:
        UserError: a sheet that cannot be read, no folder, lists that are there already, no clip
            with a file, a disk that cannot be written.
    """
    clips = read_sheet_of_clips(sheet)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name that of the videos or images.")
    there = [out / name for name in ("train.csv", "val.csv") if (out / name).exists()]
    if there and not force:
        raise UserError(
            f"{' and '.join(map(str, there))}: there already. Name another folder by --out, or "
            "give --force to write over."
        )
    entries = set(os.listdir(folder))  # noqa: PTH208
    find = _find_video if videos else _find_images

    def look(clip: SheetClip) -> ListedClip | str:
        return find(folder, clip, entries, light)

    found = run_all(clips, look, "videos" if videos else "folders of images")
    left_out = {
        clip.name: listed
        for clip, listed in zip(clips, found, strict=True)
        if isinstance(listed, str)
    }
    if len(left_out) == len(clips) or (left_out and strict):
        raise UserError(
            f"{folder}: {len(left_out)} of the {len(clips)} clips of {sheet} cannot be listed: "
            f"{name_some(f'{name} ({why})' for name, why in left_out.items())}. "
            + ("Complete the data." if strict else "Is it the folder of these clips?")
        )
    lists = {
        out / f"{split}.csv": [
            listed
            for clip, listed in zip(clips, found, strict=True)
            if clip.split == split and clip.name not in left_out
        ]
        for split in ("train", "val")
    }
    lists = {path: listed for path, listed in lists.items() if listed}
    write = ak_writer.write_light_list if light else ak_writer.write_frame_list
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, listed in lists.items():
            write(path, listed)
        beside = _write_beside(sheet, clips, lists, out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}).") from None
    return Annotations(lists, left_out, _not_in_sheet(entries, clips, videos), beside)


def _find_video(folder: Path, clip: SheetClip, entries: set[str], light: bool) -> ListedClip | str:
    """The clip with its frames counted, or why it cannot be listed."""
    names = [clip.name + ending for ending in VIDEO_ENDINGS]
    nested = "/" in clip.name
    file = next((n for n in names if n in entries or (nested and (folder / n).is_file())), None)
    if file is None:
        return f"no {names[0]}"
    if light:
        return ListedClip(clip.name, 0, clip.labels)
    frames, flaw = check_video_file(str(folder / file))
    return f"{file}: {flaw.text}" if flaw else ListedClip(clip.name, frames, clip.labels)


def _find_images(folder: Path, clip: SheetClip, entries: set[str], light: bool) -> ListedClip | str:
    """As `_find_video`, for a folder of frames."""
    if clip.name not in entries and "/" not in clip.name:
        return f"no folder {clip.name}"
    try:
        if light:  # what the reader will find
            files = frame_files(str(folder / clip.name))
        else:
            files = [file for file in os.listdir(folder / clip.name) if is_image(file)]  # noqa: PTH208
    except OSError as error:
        return f"{clip.name}: {error.strerror}"
    if not files:
        return f"{clip.name}: no image in the folder"
    paths = tuple(f"{clip.name}/{file}" for file in sorted(files, key=_frame_number))
    usual = tuple(ak_writer.frame_file(clip.name, frame) for frame in range(len(paths)))
    return ListedClip(clip.name, len(paths), clip.labels, () if paths == usual else paths)


def _frame_number(file: str) -> tuple[int, str]:
    """What frames are ordered by: the number at the end of the name, which may lack zeros."""
    number = re.search(r"(\d{1,18})\.\w+$", file)
    return (int(number[1]) if number else -1, file)


def _not_in_sheet(entries: Iterable[str], clips: list[SheetClip], videos: bool) -> list[str]:
    """What lies in the folder and belongs to no clip of the sheet."""
    # Of a clip in a folder of its own, that folder is known.
    known = {name for clip in clips for name in (clip.name, clip.name.partition("/")[0])}
    stems = {entry: Path(entry).stem if videos else entry for entry in entries}
    return sorted(
        entry
        for entry, stem in stems.items()
        if stem not in known
        and not entry.startswith(".")
        and (not videos or entry.endswith(VIDEO_ENDINGS))
    )


def _write_beside(
    sheet: Path, clips: list[SheetClip], lists: dict[Path, list[ListedClip]], out: Path
) -> list[Path]:
    """Of Animal Kingdom: the sheet itself, for checks, and the table of classes, for figures of
    head, middle and tail; what is there already stays."""
    if all(clip.pairs is None for clip in clips):
        return []
    made = []
    copy = out / METADATA
    if not copy.exists():
        shutil.copyfile(sheet, copy)
        made.append(copy)
    if not any((out / name).exists() for name in SHEETS):
        with ANIMAL_KINGDOM.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        training = lists.get(out / "train.csv", [])
        in_range = [clip for clip in training if max(clip.labels, default=0) < len(rows)]
        counts = ak_writer.count_labels(in_range, len(rows))
        classes = [
            ListedClass(row["name"], row["category"], row["segment"], count)
            for row, count in zip(rows, counts, strict=True)
        ]
        ak_writer.write_class_sheet(out / SHEETS[0], classes)
        made.append(out / SHEETS[0])
    return made


def name_some(names: Iterable[str], shown: int = _NAMED) -> str:
    """The first few of many names, and that there are more."""
    names = list(names)
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
