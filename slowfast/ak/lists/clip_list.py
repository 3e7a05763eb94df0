"""The clips of a list: their names, frames and labels.

`ClipIndex` holds what a list says as a few flat arrays of runs (see `slowfast.ak.lists.lines`), not
lines: a list like Animal Kingdom's, with 4.3 million lines and 237 MB, becomes 24,000 runs and
2 MB. `ClipList` answers questions about clips. A process reads each list once: training, precise
BN and validation get the same object.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from slowfast.ak import paths
from slowfast.ak.errors import UserError
from slowfast.ak.lists import index_file
from slowfast.ak.lists.class_folders import (
    check_number_of_classes,
    class_labels,
    read_tree,
    tree_source,
)
from slowfast.ak.lists.lines import (
    ListForm,
    Run,
    Source,
    decode,
    number_span,
    parse_labels,
    read_blocks,
    read_lines_below_header,
)
from slowfast.ak.lists.video_lines import has_frame_counts, read_folder_labels, read_video_lines
from slowfast.ak.registries.datasets import classes_key

# Smaller lists get no index file: reading them is as fast, and they take no more memory.
SMALLEST_LIST = 1 << 20

HOW_TO_GET_DATA = """\
Set DATA.PATH_TO_DATA_DIR to the folder of the lists and DATA.PATH_PREFIX to the image folder.
To try this project without any data, run `make demo` in its folder: it makes a small data set.
For Animal Kingdom, use the form that https://sutdcv.github.io/Animal-Kingdom/ links to, and store
  data/ak/annot/train.csv   data/ak/annot/val.csv
  data/ak/image/<clip>/<clip>_000001.jpg ...   or   data/ak/video/<clip>.mp4"""

_HOW_TO_WRITE_VIDEOS = """\
Set DATA.PATH_TO_DATA_DIR to the folder of the lists and DATA.PATH_PREFIX to that of the videos.
Each line is the path of a video, DATA.PATH_LABEL_SEPARATOR and the number of its class."""

_WITH_HEADER = ListForm()

# The number of classes; for a list with label columns, the number of classes of each column.
NumClasses = int | Mapping[str, int]


class ClipList:
    """The clips of a list. `read` and `read_pairs` read a list, and `select` keeps some clips.

    Clips count from 0 in the order of their first lines, and frames of a clip count from 0. A clip
    is all lines with the same first field, also if they are scattered over the list.

    A tree of class folders is read as a list of its images, each a clip of one frame.

    A list of videos can have label columns: each clip has one label in each of them. `column` then
    gives the list with the labels of one column.

    Args:
        path: the path of the list, for messages.
        kept: (clips,) positions in the index; None keeps all clips.
        form: how the list was read.
        remarks: sentences about what was left out of the list.
    """

    def __init__(
        self,
        path: str,
        index: ClipIndex,
        kept: np.ndarray | None = None,
        form: ListForm = _WITH_HEADER,
        remarks: tuple[str, ...] = (),
    ):
        self.path, self._index, self._kept, self.form = path, index, kept, form
        self.remarks = remarks

    @classmethod
    def read(
        cls,
        path: str | Path,
        num_classes: NumClasses | None = None,
        form: ListForm = _WITH_HEADER,
        folder: str | None = None,
    ) -> ClipList:
        """Reads the list at `path`, or the packed list `<path>.gz` beside it, or a tree there.

        A list that this process has read before is not read again.

        Args:
            form: how the lines are read; the default is for frame lists and light lists.
            folder: the folder of the paths in a list of videos. If a line with two numbers names
                a folder below it, the numbers are the number of images there and the label.

        Raises:
            UserError: there is no such file, it has no line, or a line does not fit: another number
                of fields, a frame number or label that is not written in digits only, a label that
                is not below `num_classes`, other labels than another line of a clip. The message
                has the line.
        """
        several = form.several
        if form.separator is None:  # the lines are the same then, and so is the index file
            form = replace(form, several=False)
        if form.is_tree:
            form = replace(form, folder_labels=class_labels(str(path)))
        elif form.separator is not None and not form.columns:
            form = replace(form, folder_labels=read_folder_labels(str(path)))
        source = _source(path, form)
        may_count = form.separator and not form.columns and folder is not None
        if may_count and has_frame_counts(source, folder):
            source = _source(path, replace(form, frame_counts=True))
        clips = _cached_list(source)
        if not several or clips.columns or clips.has_folders:
            clips._check_lines_agree()
        if num_classes is not None and form.is_tree:
            check_number_of_classes(clips.path, form, num_classes)
        elif num_classes is not None:
            clips.check_labels(num_classes)
        return clips

    @classmethod
    def read_pairs(
        cls, path: str | Path, separator: str = " ", num_classes: int | None = None
    ) -> ClipList:
        """Reads a list of videos, with lines `path<separator>label`; the path names the clip.

        Raises:
            UserError: as `read`.
        """
        return cls.read(path, num_classes, ListForm(separator))

    def __len__(self) -> int:
        return len(self._index.clip_runs) - 1 if self._kept is None else len(self._kept)

    @property
    def how_to_leave_out(self) -> str:
        """What to do to leave a clip out, for messages."""
        return "delete it" if self.is_tree else f"delete its lines from {self.path}"

    @property
    def is_tree(self) -> bool:
        """Whether the clips are the images of a tree of class folders."""
        return self.form.is_tree

    @property
    def class_names(self) -> list[str]:
        """The names of the class folders of a tree, in the order of the classes; else empty."""
        return [name for name, _ in self.form.folder_labels] if self.is_tree else []

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the label columns; empty: the labels belong to one set of classes."""
        return self.form.columns

    @property
    def has_frames(self) -> bool:
        """Whether the list has one line for each frame. Otherwise it has one line for each clip."""
        return len(self._index.run_frames) > 0

    def name(self, clip: int) -> str:
        """The clip's name: the first field of its lines."""
        return decode(self._index.name(self._place(clip)))

    @property
    def has_folders(self) -> bool:
        """Whether the clips are folders of images, and each line states the number of frames."""
        return len(self._index.stated_frames) > 0

    def num_frames(self, clip: int) -> int | None:
        """The number of frames that the list has or states for the clip; None if it does not."""
        if self.has_folders:
            return int(self._index.stated_frames[self._runs(clip).start])
        if not self.has_frames:
            return None
        runs, frames = self._runs(clip), self._index.run_frames
        return int(frames[runs.stop] - frames[runs.start])

    def frame_path(self, clip: int, frame: int) -> str:
        """The path of a frame in the list, usually relative to the image folder.

        Raises:
            IndexError: the list has no such frame.
        """
        run, step = self._locate(clip, frame)
        path = self._index.path(run)
        if step:
            start, end = number_span(path)
            number = b"%0*d" % (end - start, int(path[start:end]) + step)
            path = path[:start] + number + path[end:]
        return decode(path)

    def line(self, clip: int, frame: int = 0) -> int:
        """The line number of a frame, from 1; of the clip if each clip has one line.

        0 in a tree, which has no lines.
        """
        if not self.has_frames:
            return int(self._index.run_lines[self._runs(clip).start])
        run, step = self._locate(clip, frame)
        return int(self._index.run_lines[run]) + step

    def labels(self, clip: int, first: int | None = None, last: int | None = None) -> list[int]:
        """Sorted classes of the frames from `first` to `last`, both included.

        Without these arguments, or if the list has no frames, the classes of the whole clip. For a
        list with label columns, the label of the clip in each column instead.
        """
        runs = self._runs(clip)
        if self.columns:
            return self._index.label_set(self._index.run_labels[runs.start])
        if self.has_frames:
            start = runs.start if first is None else self._locate(clip, first)[0]
            runs = range(start, runs.stop if last is None else self._locate(clip, last)[0] + 1)
        which = set(self._index.run_labels[runs.start : runs.stop].tolist())
        return sorted(set().union(*map(self._index.label_set, which)))

    def check_one_label(self) -> None:
        """Checks that each clip has one class; frames of a clip can have different classes or none.

        Raises:
            UserError: a clip has no label, or several for the same frames. The message has the
                first line of the clip.
        """
        if (np.diff(self._index.label_bounds) == 1).all() and not self.has_clips_of_several_runs:
            return
        for clip in range(len(self)):
            count = len(self.labels(clip))
            if count == 1 or (count and self.has_frames and self._most_labels(clip) == 1):
                continue
            frames = ", and so has each of its frames" if self.has_frames and count else ""
            raise UserError(
                f"{self.path}:{self.line(clip)}: clip {self.name(clip)} has {count} labels; with "
                f"DATA.MULTI_LABEL False each clip has one{frames}. Set DATA.MULTI_LABEL to True, "
                "or correct the list."
            )

    @property
    def has_clips_of_several_runs(self) -> bool:
        """Whether any clip can have several sets of labels."""
        return len(self._index.run_labels) > len(self._index.clip_runs) - 1

    def _most_labels(self, clip: int) -> int:
        """The number of labels of the frame of a clip that has most."""
        runs = self._runs(clip)
        which = set(self._index.run_labels[runs.start : runs.stop].tolist())
        return max(len(self._index.label_set(each)) for each in which)

    def one_label(
        self, clip: int, rule: str, first: int | None = None, last: int | None = None
    ) -> int:
        """The class of a clip whose frames have one class or none each.

        Args:
            rule: ``majority``: the class of most of the frames from `first` to `last`, the earlier
                one of two with as many frames. ``centre``: the class of the frame in the middle of
                these, or of the nearest frame that has a class.
            first, last: frames, both included; without them, or if none of them has a class, the
                whole clip.
        """
        if len(labels := self.labels(clip)) == 1:
            return labels[0]
        runs = self._labelled_runs(clip)
        if first is None or last is None:
            first, last = 0, self.num_frames(clip) - 1
        if rule == "centre":
            middle = (first + last) // 2
            return min(runs, key=lambda run: max(run[0] - middle, middle - run[1], 0))[2]
        frames: dict[int, int] = {}
        for start, stop, label in runs:
            shown = min(stop, last) - max(start, first) + 1
            if shown > 0:
                frames[label] = frames.get(label, 0) + shown
        return max(frames, key=frames.get) if frames else self.one_label(clip, rule)

    def _labelled_runs(self, clip: int) -> list[tuple[int, int, int]]:
        """The first frame, the last frame and the first label of each run of a clip with labels."""
        runs, index = self._runs(clip), self._index
        bounds = index.run_frames[runs.start : runs.stop + 1] - index.run_frames[runs.start]
        sets = index.run_labels[runs.start : runs.stop].tolist()
        rows = zip(
            bounds[:-1].tolist(), bounds[1:].tolist(), map(index.label_set, sets), strict=True
        )
        return [(start, stop - 1, labels[0]) for start, stop, labels in rows if labels]

    def column(self, name: str) -> ClipList:
        """The same clips with the labels of one label column, as a list without label columns."""
        index = _column_of(self._index, self.columns.index(name), len(self.columns))
        form = replace(self.form, columns=())
        return ClipList(self.path, index, self._kept, form, self.remarks)

    def multi_hot(self, num_classes: NumClasses) -> np.ndarray:
        """(clips, num_classes) float32: 1 if any frame of the clip has the class.

        For a list with label columns, the arrays of its columns side by side.
        """
        if self.columns:
            hot = [self.column(name).multi_hot(num_classes[name]) for name in self.columns]
            return np.concatenate(hot, axis=1)
        index, count = self._index, len(self._index.clip_runs) - 1
        hot = np.zeros((count, num_classes), np.float32)
        run_clip = np.repeat(np.arange(count), np.diff(index.clip_runs))
        which, clips = np.divmod(np.unique(index.run_labels * count + run_clip), count)
        sets, first = np.unique(which, return_index=True)
        for label_set, members in zip(sets, np.split(clips, first[1:]), strict=True):
            hot[np.ix_(members, index.label_set(label_set))] = 1
        return hot if self._kept is None else hot[self._kept]

    def class_counts(self, num_classes: NumClasses) -> np.ndarray:
        """(num_classes,) int64: the number of clips that have each class.

        For a list with label columns, the numbers of its columns one after the other.
        """
        if self.columns or self.has_clips_of_several_runs:
            return self.multi_hot(num_classes).sum(axis=0, dtype=np.int64)
        # One set of labels for each clip. This takes no array of clips x classes.
        sets = self._index.run_labels if self._kept is None else self._index.run_labels[self._kept]
        clips_of_set = np.bincount(sets, minlength=len(self._index.label_bounds) - 1)
        times = np.repeat(clips_of_set, np.diff(self._index.label_bounds))
        counts = np.bincount(self._index.labels, weights=times, minlength=num_classes)
        return counts.astype(np.int64)

    def classes(self) -> set[int]:
        """The classes that any clip has, of a list without label columns."""
        index = self._index
        kept = np.ones(len(index.clip_runs) - 1, bool)
        if self._kept is not None:
            kept[:] = False
            kept[self._kept] = True
        sets = np.unique(index.run_labels[np.repeat(kept, np.diff(index.clip_runs))])
        return set().union(*map(index.label_set, sets.tolist()))

    @property
    def highest_label(self) -> int:
        """The highest class id of any clip; -1 if no clip has a label."""
        return int(self._index.labels.max(initial=-1))

    @property
    def lowest_label(self) -> int:
        """The lowest class id of any clip; -1 if no clip has a label."""
        return int(self._index.labels.min(initial=self.highest_label))

    def repeats(self) -> np.ndarray:
        """(clips,) int64: how often the list has each clip.

        In a list with one line a clip, a repeated line means that a clip is to be drawn more often
        in training. Lines that give a clip further labels do not count. 1 for frame lists.
        """
        index, count = self._index, len(self._index.clip_runs) - 1
        times = np.ones(count, np.int64)
        if not self.has_frames and len(index.run_labels) > count:
            run_clip = np.repeat(np.arange(count), np.diff(index.clip_runs))
            sets = len(index.label_bounds)
            lines, number = np.unique(run_clip * sets + index.run_labels, return_counts=True)
            np.maximum.at(times, lines // sets, number)
        return times if self._kept is None else times[self._kept]

    def clips_with_repeated_frames(self) -> list[int]:
        """The clips of a frame list in which two runs of lines begin with the same path."""
        if not self.has_frames or not self.has_clips_of_several_runs:
            return []
        found = []
        for clip in range(len(self)):
            runs = self._runs(clip)
            if len(runs) > 1 and len(set(map(self._index.path, runs))) < len(runs):
                found.append(clip)
        return found

    def select(self, keep: np.ndarray) -> ClipList:
        """A list of the clips whose entry of `keep`, (clips,) bool, is True, in the same order."""
        kept = keep.nonzero()[0].astype(np.int32)
        kept = kept if self._kept is None else self._kept[kept]
        return ClipList(self.path, self._index, kept, self.form, self.remarks)

    def with_labels(self, labels: Mapping[str, int], source: str) -> ClipList:
        """The clips of this list that have a label in another file, in the order of that file.

        Labels of the list itself do not count. `remarks` has the clips that only one file has.

        Args:
            labels: the label of each clip by its name.
            source: the path of the other file, for messages.

        Raises:
            UserError: no clip has a label there.
        """
        places = {self.name(clip): self._place(clip) for clip in range(len(self))}
        kept = np.array([places[name] for name in labels if name in places], np.int64)
        if not len(kept):
            raise UserError(
                f"{source}: has {len(labels)} clips, and none of them is in {self.path}, whose "
                f"first clip is {self.name(0)}. Take both files from the same data set."
            )
        label_of_clip = np.full(len(self._index.clip_runs) - 1, -1)
        label_of_clip[kept] = [label for name, label in labels.items() if name in places]
        index = _relabelled(self._index, label_of_clip, source)
        remarks = [
            f"{path}: {len(names)} of its {count} clips are not in {other}, and are left out: "
            f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}."
            for path, other, count, names in (
                (self.path, source, len(places), [name for name in places if name not in labels]),
                (source, self.path, len(labels), [name for name in labels if name not in places]),
            )
            if names
        ]
        form = replace(self.form, first_label=0)
        return ClipList(self.path, index, kept, form, (*self.remarks, *remarks))

    def check_labels(self, num_classes: NumClasses) -> None:
        """Raises UserError with the line of the first label that is not below `num_classes`."""
        for name in self.columns:
            self.column(name)._check_labels(num_classes[name], name)
        if not self.columns:
            self._check_labels(num_classes)

    def _check_labels(self, num_classes: int, column: str = "") -> None:
        index = self._index
        bad = np.flatnonzero(index.labels >= num_classes)
        if not len(bad):
            return
        first = int(np.searchsorted(index.label_bounds, bad[0], side="right")) - 1
        if index.labels_path:
            run = int((index.run_labels == first).argmax())
            clip = np.searchsorted(index.clip_runs, run, side="right") - 1
            raise UserError(
                f"{index.labels_path}: clip {decode(index.name(clip))} has the class "
                f"{index.labels[bad[0]]}, outside 0..{num_classes - 1} ({classes_key(column)} is "
                f"{num_classes}). Set the key to the number of classes, or correct the file."
            )
        lowest, start = self.lowest_label, self.form.first_label
        highest = index.labels[index.label_bounds[first + 1] - 1] + start
        advice = ""
        if not column and not start and lowest == 1 and self.highest_label == num_classes:
            advice = (
                f" All labels of the list lie in 1..{num_classes}: if it counts classes from 1, "
                "set AK.FIRST_LABEL 1."
            )
        raise UserError(
            f"{self.path}:{index.label_lines[first]}: {column or 'label'} {highest} is outside "
            f"{start}..{num_classes - 1 + start} ({classes_key(column)} is {num_classes}). Correct "
            f"the list or the key.{advice}"
        )

    def _check_lines_agree(self) -> None:
        """Raises UserError with the first line that gives a clip other labels than before.

        The frames of a clip can have different labels.
        """
        index = self._index
        if self.has_frames or len(index.run_labels) == len(index.clip_runs) - 1:
            return
        first = np.repeat(index.clip_runs[:-1], np.diff(index.clip_runs))  # the clip's first run
        differs = index.run_labels != index.run_labels[first]
        if self.has_folders:
            differs |= index.stated_frames != index.stated_frames[first]
        if not differs.any():
            return
        run = np.flatnonzero(differs)[index.run_lines[differs].argmin()]
        clip = np.searchsorted(index.clip_runs, run, side="right") - 1
        advice = "Keep one of them."
        if not self.columns and not self.has_folders:
            advice += (
                " If a clip can have several labels, set DATA.MULTI_LABEL True: it joins them."
            )
        what = "another number of frames or another label" if self.has_folders else "other labels"
        raise UserError(
            f"{self.path}:{index.run_lines[run]}: clip {decode(index.name(clip))} has a line "
            f"already, line {index.run_lines[first[run]]}, with {what}. {advice}"
        )

    def _place(self, clip: int) -> int:
        """The clip's position in the index. Raises IndexError if there is no such clip."""
        if not 0 <= clip < len(self):
            raise IndexError(f"{self.path} has no clip {clip}")
        return clip if self._kept is None else int(self._kept[clip])

    def _runs(self, clip: int) -> range:
        return range(*self._index.clip_runs[self._place(clip) :][:2].tolist())

    def _locate(self, clip: int, frame: int) -> tuple[int, int]:
        """The run that contains a frame, and the position of the frame in it."""
        if not (self.has_frames and 0 <= frame < self.num_frames(clip)):
            raise IndexError(f"clip {self.name(clip)} has no frame {frame}")
        frames = self._index.run_frames
        at = frames[self._runs(clip).start] + frame
        run = int(np.searchsorted(frames, at, side="right")) - 1
        return run, int(at - frames[run])


def find_list(path: str | Path, form: ListForm = _WITH_HEADER) -> str | None:
    """The list at `path`, or the packed list `<path>.gz`; None if there is neither.

    A tree is a folder at `path`.

    Raises:
        UserError: the place where the list should be does not answer.
    """
    if form.is_tree:
        return str(path) if paths.is_folder(str(path)) else None
    try:
        return next((file for file in (str(path), f"{path}.gz") if paths.is_file(file)), None)
    except OSError as error:
        raise UserError(f"{path}: this list cannot be looked for: {error}.") from None


def _source(path: str | Path, form: ListForm) -> Source:
    """The source of the list or tree at `path`, or of the packed list beside it.

    Raises:
        UserError: there is no such list, or it cannot be fetched or read.
    """
    if form.is_tree:
        return tree_source(str(path), form)
    if form.separator == "":
        raise UserError(
            "DATA.PATH_LABEL_SEPARATOR: expected the text between path and label, found ''."
        )
    found = find_list(path)
    if found is None:
        advice = HOW_TO_GET_DATA if form.separator is None else _HOW_TO_WRITE_VIDEOS
        kind = "frame list" if form.separator is None else "list of videos"
        raise UserError(f"{path}: there is no such {kind}.\n{advice}")
    try:
        return Source.of(paths.local_path(found), found, form)
    except OSError as error:
        raise UserError(f"{found}: this list cannot be fetched: {error}.") from None


@lru_cache(maxsize=16)
def _cached_list(source: Source) -> ClipList:
    """The clips of a list. The key in `source` changes with the content of the list."""
    return ClipList(source.name, open_index(source), form=source.form)


# ------------------------------------------------------------------ the index of a list


@dataclass(frozen=True, eq=False)
class ClipIndex:
    """Arrays of a list with C clips, R runs (ordered by clip) and L different sets of labels.

    Texts are in one array of bytes: text i lies between bounds i and i + 1. All other arrays are
    int64.
    """

    names: np.ndarray
    name_bounds: np.ndarray  # (C + 1,)
    clip_runs: np.ndarray  # (C + 1,): the runs of clip c lie between entries c and c + 1
    run_frames: np.ndarray  # (R + 1,): frames before each run; empty if the list has no frames
    run_labels: np.ndarray  # (R,): which set of labels
    run_lines: np.ndarray  # (R,): first line of the run in the list
    run_paths: np.ndarray  # (R,): which path; paths are in the order of the list
    paths: np.ndarray
    path_bounds: np.ndarray  # (R + 1,)
    labels: np.ndarray  # ascending within a set; with label columns, one for each column
    label_bounds: np.ndarray  # (L + 1,)
    label_lines: np.ndarray  # (L,): first line of the list that has the set
    stated_frames: np.ndarray  # (R,): frames that a line states for its clip; empty: it states none

    labels_path = ""  # the file of the labels, if that is not the list; no array

    def name(self, clip: int) -> bytes:
        """The clip's name."""
        return _text(self.names, self.name_bounds, clip)

    def path(self, run: int) -> bytes:
        """The path of a run's first frame."""
        return _text(self.paths, self.path_bounds, self.run_paths[run])

    def label_set(self, which: int) -> list[int]:
        """The labels of a set, ascending; with label columns, in their order."""
        return self.labels[self.label_bounds[which] : self.label_bounds[which + 1]].tolist()


@dataclass(frozen=True, eq=False)
class StoredIndex(ClipIndex):
    """An index with arrays that are mapped from a file. Its pickle is the path of that file."""

    place: Path
    source: Source

    def __reduce__(self):
        return _reopen, (self.place, self.source)


@dataclass(frozen=True, eq=False)
class ColumnIndex(ClipIndex):
    """An index with the labels of one label column. Its pickle refers to the whole index."""

    whole: ClipIndex
    column: int
    num_columns: int

    def __reduce__(self):
        return _column_of, (self.whole, self.column, self.num_columns)


def _column_of(whole: ClipIndex, column: int, num_columns: int) -> ColumnIndex:
    labels = whole.labels[column::num_columns]
    arrays = _arrays(whole) | {"labels": labels, "label_bounds": np.arange(len(labels) + 1)}
    return ColumnIndex(**arrays, whole=whole, column=column, num_columns=num_columns)


@dataclass(frozen=True, eq=False)
class RelabelledIndex(ClipIndex):
    """An index with one label for each clip. Its pickle refers to the index of the list."""

    whole: ClipIndex
    label_of_clip: np.ndarray  # (C,); -1: the clip has none
    labels_path: str

    def __reduce__(self):
        return _relabelled, (self.whole, self.label_of_clip, self.labels_path)


def _relabelled(whole: ClipIndex, label_of_clip: np.ndarray, labels_path: str) -> RelabelledIndex:
    sets, first, set_of_clip = np.unique(label_of_clip, return_index=True, return_inverse=True)
    has_label = sets >= 0
    changed = {
        "run_labels": np.repeat(set_of_clip, np.diff(whole.clip_runs)),
        "labels": sets[has_label],
        "label_bounds": _bounds(has_label),
        "label_lines": whole.run_lines[whole.clip_runs[first]],
    }
    arrays = _arrays(whole) | changed
    return RelabelledIndex(
        **arrays, whole=whole, label_of_clip=label_of_clip, labels_path=labels_path
    )


def _arrays(index: ClipIndex) -> dict[str, np.ndarray]:
    return {each.name: getattr(index, each.name) for each in dataclasses.fields(ClipIndex)}


def open_index(source: Source) -> ClipIndex:
    """The index of a list: from its index file if there is one, else read from the list and stored.

    Raises:
        UserError: as `read_index`.
    """
    if not source.form.is_tree and Path(source.file).stat().st_size < SMALLEST_LIST:
        return read_index(source)
    stored = index_file.find(source)
    if not stored:
        index = read_index(source)
        if source.form.is_tree and len(index.names) < SMALLEST_LIST:
            return index
        if _as_it_is_now(source) != source:
            return index  # the list was written meanwhile: the index is not stored
        # Another process can have stored the index meanwhile; then both map the same file.
        stored = index_file.find(source) or index_file.store(source, _arrays(index))
        if not stored:
            return index
    place, arrays = stored
    return StoredIndex(**arrays, place=place, source=source)


def _as_it_is_now(source: Source) -> Source:
    """The source with a key of its present content."""
    return tree_source(*source[1:3]) if source.form.is_tree else Source.of(*source[:3])


def _reopen(place: Path, source: Source) -> ClipIndex:
    """The index that another process pickled.

    Raises:
        UserError: both the index file and the list have changed since.
    """
    if arrays := index_file.load(place, source):
        return StoredIndex(**arrays, place=place, source=source)
    if _as_it_is_now(source) != source:
        raise UserError(
            f"{source.name}: the list has changed since this run read it. Start the run again, "
            "and do not change the list while it runs."
        )
    return open_index(source)


def read_index(source: Source) -> ClipIndex:
    """Reads a tree or a list, as its form says, or else as its header says.

    Raises:
        UserError: the file is not such a list. The message has the line.
    """
    name, form = source.name, source.form
    if form.is_tree:
        return ClipIndex(**read_tree(source))
    blocks = read_blocks(source.file, name)
    if form.separator is not None:
        return _build_index(read_video_lines(blocks, name, form), name, form)
    runs, has_frames = read_lines_below_header(blocks, name)
    return _build_index(runs, name, form, has_frames)


def _build_index(
    runs: Iterator[Run], name: str, form: ListForm, has_frames: bool = False
) -> ClipIndex:
    clip_of: dict[bytes, int] = {}
    set_of: dict[bytes, int] = {}
    clip, length, labels, line, path_sizes = (array("q") for _ in range(5))
    all_paths = bytearray()
    sets: dict[tuple[int, ...], int] = {}
    set_lines: list[int] = []
    for run in runs:
        number = clip_of.setdefault(run.clip, len(clip_of))
        if run.labels not in set_of:
            parsed = parse_labels(run.labels, name, run.line, form.first_label)
            # With label columns, a label's place says what it is.
            own = tuple(parsed if form.columns else sorted(set(parsed)))
            set_of[run.labels] = sets.setdefault(own, len(sets))
            if len(sets) > len(set_lines):
                set_lines.append(run.line)
        clip.append(number)
        labels.append(set_of[run.labels])
        length.append(run.length)
        line.append(run.line)
        all_paths += run.path
        path_sizes.append(len(run.path))
    if not clip:
        advice = HOW_TO_GET_DATA if form.separator is None else _HOW_TO_WRITE_VIDEOS
        raise UserError(f"{name}: the list has no line with a clip.\n{advice}")

    run_clip = _array(clip)
    order = np.argsort(run_clip, kind="stable")  # brings scattered lines of a clip together
    return ClipIndex(
        names=np.frombuffer(b"".join(clip_of), np.uint8),
        name_bounds=_bounds(map(len, clip_of)),
        clip_runs=np.searchsorted(run_clip[order], np.arange(len(clip_of) + 1)),
        run_frames=_bounds(_array(length)[order]) if has_frames else np.zeros(0, np.int64),
        run_labels=_array(labels)[order],
        run_lines=_array(line)[order],
        run_paths=order,
        paths=np.frombuffer(all_paths, np.uint8),
        path_bounds=_bounds(path_sizes),
        labels=np.array([label for labels in sets for label in labels], np.int64),
        label_bounds=_bounds(map(len, sets)),
        label_lines=np.array(set_lines, np.int64),
        stated_frames=_array(length)[order] if form.frame_counts else np.zeros(0, np.int64),
    )


def _text(texts: np.ndarray, bounds: np.ndarray, index: int) -> bytes:
    return texts[bounds[index] : bounds[index + 1]].tobytes()


def _bounds(sizes: Iterable[int]) -> np.ndarray:
    """(n + 1,) int64: the start of each of n texts in one array, and the end of the last one."""
    sizes = np.fromiter(sizes, np.int64)
    return np.concatenate(([0], np.cumsum(sizes)))


def _array(values: array) -> np.ndarray:
    return np.frombuffer(values, np.int64)
