"""The clips of a list: their names, frames and labels.

Each list is read once a process: training, precise BN and validation get the same object.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from slowfast.ak import paths
from slowfast.ak.errors import UserError
from slowfast.ak.lists.frame_lines import number_span
from slowfast.ak.lists.index import HOW_PAIRS_ARE_WRITTEN, HOW_TO_GET_DATA, ClipIndex, decode
from slowfast.ak.lists.index_file import Source, open_index


class ClipList:
    """Clips of a list: all, or those that `select` kept. `read` and `read_pairs` give one.

    Clips count from 0 in the order of their first lines, frames of a clip from 0. A list of one
    line a clip does not tell frames: `num_frames` is None, and whoever reads the clip finds them.

    path: of the list, as it was asked for. kept: places in the index, (clips,), ascending; None
    where all are.
    """

    def __init__(self, path: str, index: ClipIndex, kept: np.ndarray | None = None):
        self.path, self._index, self._kept = path, index, kept

    @classmethod
    def read(cls, path: str | Path, num_classes: int | None = None) -> ClipList:
        """The clips of the frame list or the light list (`slowfast.ak.lists.clip_lines`) at
        `path`, or of
        the packed one beside it (`train.csv.gz`) where there is no such file.

        A list that this process has read already is not read again. Raises UserError where there is
        no such file or no line in it, and, with the line, for a line with another number of fields,
        a frame number or a label that is not written in digits alone, and a label that is not below
        num_classes.
        """
        return cls._read(path, None, num_classes)

    @classmethod
    def read_pairs(
        cls, path: str | Path, separator: str = " ", num_classes: int | None = None
    ) -> ClipList:
        """The clips of a list without a header, of lines `path<separator>label`, as for Kinetics.

        A clip's name is its path as it is written. Raises UserError as `read`.
        """
        return cls._read(path, separator, num_classes)

    @classmethod
    def _read(cls, path: str | Path, separator: str | None, num_classes: int | None) -> ClipList:
        found = find_list(path)
        if found is None:
            advice = HOW_TO_GET_DATA if separator is None else HOW_PAIRS_ARE_WRITTEN
            kind = "frame list" if separator is None else "list of videos"
            raise UserError(f"{path}: there is no such {kind}.\n{advice}")
        clips = _read(Source.of(_fetch(found), found, separator))
        if num_classes is not None:
            clips.check_labels(num_classes)
        return clips

    def __len__(self) -> int:
        return len(self._index.clip_runs) - 1 if self._kept is None else len(self._kept)

    @property
    def tells_frames(self) -> bool:
        """Whether the list has a line a frame."""
        return len(self._index.run_frames) > 0

    def name(self, clip: int) -> str:
        """The clip's name: the first field of its lines."""
        return decode(self._index.name(self._place(clip)))

    def num_frames(self, clip: int) -> int | None:
        """How many lines the list has for the clip, each of them a frame; None if one a clip."""
        if not self.tells_frames:
            return None
        runs, frames = self._runs(clip), self._index.run_frames
        return int(frames[runs.stop] - frames[runs.start])

    def frame_path(self, clip: int, frame: int) -> str:
        """Path of a frame as the list gives it, relative to the image folder as a rule.

        Raises IndexError where the list tells no such frame.
        """
        run, step = self._locate(clip, frame)
        path = self._index.path(run)
        if step:
            start, end = number_span(path)
            number = b"%0*d" % (end - start, int(path[start:end]) + step)
            path = path[:start] + number + path[end:]
        return decode(path)

    def line(self, clip: int, frame: int = 0) -> int:
        """Line of the list, counted from 1, that names this frame; or the clip, if one a clip."""
        if not self.tells_frames:
            return int(self._index.run_lines[self._runs(clip).start])
        run, step = self._locate(clip, frame)
        return int(self._index.run_lines[run]) + step

    def labels(self, clip: int, first: int | None = None, last: int | None = None) -> list[int]:
        """Sorted classes of the frames first..last, both included; without them, or where the list
        does not tell frames, of the clip."""
        runs = self._runs(clip)
        if self.tells_frames:
            start = runs.start if first is None else self._locate(clip, first)[0]
            runs = range(start, runs.stop if last is None else self._locate(clip, last)[0] + 1)
        which = set(self._index.run_labels[runs.start : runs.stop].tolist())
        return sorted(set().union(*map(self._index.label_set, which)))

    def multi_hot(self, num_classes: int) -> np.ndarray:
        """(clips, num_classes) float32: 1 where any frame of the clip carries the class."""
        index, count = self._index, len(self._index.clip_runs) - 1
        hot = np.zeros((count, num_classes), np.float32)
        run_clip = np.repeat(np.arange(count), np.diff(index.clip_runs))
        which, clips = np.divmod(np.unique(index.run_labels * count + run_clip), count)
        sets, first = np.unique(which, return_index=True)
        for label_set, members in zip(sets, np.split(clips, first[1:]), strict=True):
            hot[np.ix_(members, index.label_set(label_set))] = 1
        return hot if self._kept is None else hot[self._kept]

    def class_counts(self, num_classes: int) -> np.ndarray:
        """(num_classes,) int64: clips that carry each class."""
        return self.multi_hot(num_classes).sum(axis=0, dtype=np.int64)

    @property
    def highest_label(self) -> int:
        """The highest class id of any clip; -1 where no clip has a label."""
        return int(self._index.labels.max(initial=-1))

    def select(self, keep: np.ndarray) -> ClipList:
        """A list of the clips alone for which `keep`, (clips,) bool, is True, in their order."""
        kept = keep.nonzero()[0].astype(np.int32)
        return ClipList(self.path, self._index, kept if self._kept is None else self._kept[kept])

    def check_labels(self, num_classes: int) -> None:
        """Raise UserError for the first label that is not below num_classes."""
        index = self._index
        bad = np.flatnonzero(index.labels >= num_classes)
        if not len(bad):
            return
        first = int(np.searchsorted(index.label_bounds, bad[0], side="right")) - 1
        highest = index.labels[index.label_bounds[first + 1] - 1]
        raise UserError(
            f"{self.path}:{index.label_lines[first]}: label {highest} is outside "
            f"0..{num_classes - 1} (MODEL.NUM_CLASSES is {num_classes}). Correct the list or the "
            "key."
        )

    def _place(self, clip: int) -> int:
        """The clip's place in the index. Raises IndexError where there is no such clip."""
        if not 0 <= clip < len(self):
            raise IndexError(f"{self.path} has no clip {clip}")
        return clip if self._kept is None else int(self._kept[clip])

    def _runs(self, clip: int) -> range:
        return range(*self._index.clip_runs[self._place(clip) :][:2].tolist())

    def _locate(self, clip: int, frame: int) -> tuple[int, int]:
        """The run that holds a frame, and the frame's place in it."""
        if not 0 <= frame < (self.num_frames(clip) or 0):
            raise IndexError(f"clip {self.name(clip)} has no frame {frame}")
        frames = self._index.run_frames
        at = frames[self._runs(clip).start] + frame
        run = int(np.searchsorted(frames, at, side="right")) - 1
        return run, int(at - frames[run])


def find_list(path: str | Path) -> str | None:
    """The list at `path`, or the packed one beside it, its name ending in .gz; None without.

    Raises UserError where whatever holds it does not answer.
    """
    try:
        return next((file for file in (str(path), f"{path}.gz") if paths.is_file(file)), None)
    except OSError as error:
        raise UserError(f"{path}: this list cannot be looked for: {error}.") from None


@lru_cache(maxsize=16)
def _read(source: Source) -> ClipList:
    """The clips of a list, read or from its index; the source tells whether it has changed."""
    return ClipList(source.name, open_index(source))


def _fetch(path: str) -> str:
    """The list's local file. Raises UserError where there is none to be had."""
    try:
        return paths.local_path(path)
    except OSError as error:
        raise UserError(f"{path}: this list cannot be fetched: {error}.") from None
