"""Makes frame lists from a sheet of clips and the videos or frames on the disk.

The sheet states the clips, their splits and their labels (`metadata_sheet`). The files on the disk
give the number of frames. A clip without a readable file is left out and reported. The lists are
written after all clips were checked, so a list that exists is complete.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slowfast.ak.checks.clips import first_few, is_image
from slowfast.ak.checks.files import check_video_file
from slowfast.ak.classes.table import ANIMAL_KINGDOM, SHEETS
from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import frame_files
from slowfast.ak.frames.video import VIDEO_ENDINGS
from slowfast.data_tools import ak_writer
from slowfast.data_tools.ak_writer import ListedClass, ListedClip
from slowfast.data_tools.metadata_sheet import METADATA, SheetClip, read_sheet_of_clips
from slowfast.data_tools.parallel import run_all


@dataclass(frozen=True)
class Annotations:
    """The lists that were made.

    Attributes:
        lists: the clips of each list, by its path.
        left_out: the clips of the sheet that no list has, each with the reason.
        not_in_sheet: files that belong to no clip of the sheet.
        beside: other files that were written beside the lists.
    """

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
    """Writes train.csv and val.csv into `out`; for Animal Kingdom also the sheet and class table.

    Args:
        sheet: a sheet of clips, as `read_sheet_of_clips` reads it.
        folder: the videos `<clip>.mp4`, or the images `<clip>/*.jpg`.
        videos: whether `folder` holds videos.
        light: write one line for each clip, and do not count frames.
        strict: raise an error if a clip would be left out.
        force: overwrite existing lists.

    Raises:
        UserError: the sheet cannot be read, there is no such folder, the lists exist already, no
            clip has a file, or the lists cannot be written.
    """
    clips = read_sheet_of_clips(sheet)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the folder of videos or images.")
    there = [out / name for name in ("train.csv", "val.csv") if (out / name).exists()]
    if there and not force:
        raise UserError(
            f"{' and '.join(map(str, there))}: exist already. Name another folder with --out, or "
            "give --force to overwrite them."
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
            f"{first_few(f'{name} ({reason})' for name, reason in left_out.items())}. "
            + ("Complete the data." if strict else "Is this the folder of these clips?")
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
    """Returns the clip with its number of frames, or the reason why it cannot be listed."""
    names = [clip.name + ending for ending in VIDEO_ENDINGS]
    nested = "/" in clip.name
    file = next((n for n in names if n in entries or (nested and (folder / n).is_file())), None)
    if file is None:
        return f"no {names[0]}"
    if light:
        return ListedClip(clip.name, 0, clip.labels)
    frames, fault = check_video_file(str(folder / file))
    return f"{file}: {fault.text}" if fault else ListedClip(clip.name, frames, clip.labels)


def _find_images(folder: Path, clip: SheetClip, entries: set[str], light: bool) -> ListedClip | str:
    """As `_find_video`, for a folder of frames."""
    if clip.name not in entries and "/" not in clip.name:
        return f"no folder {clip.name}"
    try:
        if light:  # the reader will list the same files
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
    """Returns the sort key of a frame: the number at the end of its name, then the name."""
    number = re.search(r"(\d{1,18})\.\w+$", file)
    return (int(number[1]) if number else -1, file)


def _not_in_sheet(entries: Iterable[str], clips: list[SheetClip], videos: bool) -> list[str]:
    """Returns the files and folders that belong to no clip of the sheet."""
    # A clip can be in a subfolder, `day1/a`; then the subfolder belongs to it.
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
    """Writes the sheet and the table of classes beside the lists, if the sheet is Animal Kingdom's.

    `check_data` reads the sheet, and figures of head, middle and tail need the table. Existing
    files stay.
    """
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
