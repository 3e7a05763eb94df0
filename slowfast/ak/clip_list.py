"""The clips of a frame list, as a few small arrays that worker processes share.

A list is kept as its runs (`slowfast.ak.list_lines`), not as its lines: a list like Animal
Kingdom's, of 4.3 million lines and 237 MB, becomes 24,000 runs and about 2 MB. A frame's path,
labels and line are looked up when asked for. Clips are told apart by the first column, as upstream
does; lines of a clip that are scattered over the list are put together in their order.

Each list is read once a process: training, precise BN and validation get the same object.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.list_lines import MAX_DIGITS, number_span, read_runs

HOW_TO_GET_DATA = """\
For a try-out without any data run `make demo`, which makes a small set and trains on it.
Animal Kingdom is asked for by the form that https://sutdcv.github.io/Animal-Kingdom/ links to.
Lay it out as
  data/ak/annot/train.csv   data/ak/annot/val.csv
  data/ak/image/<clip>/<clip>_000001.jpg ...   or   data/ak/video/<clip>.mp4
or set DATA.PATH_TO_DATA_DIR to the folder of the lists, DATA.PATH_PREFIX to that of the frames."""


class Texts:
    """Byte strings in one blob: `texts[i]`."""

    def __init__(self, texts: list[bytes]):
        self.blob = b"".join(texts)
        self.bounds = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=self.bounds[1:])

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.blob[self.bounds[index] : self.bounds[index + 1]]


class ClipList:
    """Clips, their frames and labels. `read` gives one for a file.

    Clips count from 0 in the order of their first lines, frames of a clip from 0. Arguments hold a
    clip an entry (`names`), a run an entry (`run_*`; ordered by clip) or a label set an entry
    (`label_*`).
    """

    def __init__(
        self,
        path: Path,
        names: Texts,
        run_clip: np.ndarray,
        run_length: np.ndarray,
        run_labels: np.ndarray,
        run_line: np.ndarray,
        run_path: Texts,
        label_sets: list[tuple[int, ...]],
        label_line: list[int],
    ):
        self.path = path
        self._names = names
        self._clip_runs = np.searchsorted(run_clip, np.arange(len(names) + 1))
        self._run_frame = np.concatenate(([0], np.cumsum(run_length)))
        self._run_clip, self._run_labels, self._run_line = run_clip, run_labels, run_line
        self._run_path = run_path
        self._label_sets, self._label_line = label_sets, label_line

    @classmethod
    def read(cls, path: str | Path, num_classes: int | None = None) -> ClipList:
        """The clips of the list at `path`; a list that this process has read already is not read
        again.

        Raises UserError where there is no such file or no line in it, and, with the line, for a
        line with another number of fields, a frame number or a label that is not written in digits
        alone, and a label that is not below num_classes.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path}: there is no such frame list.\n{HOW_TO_GET_DATA}")
        stat = path.stat()
        clips = _read(path, stat.st_size, stat.st_mtime_ns)
        if num_classes is not None:
            clips.check_labels(num_classes)
        return clips

    def __len__(self) -> int:
        return len(self._names)

    def name(self, clip: int) -> str:
        """The clip's name: the first field of its lines."""
        return _decode(self._names[clip])

    def num_frames(self, clip: int) -> int:
        """How many lines the list has for the clip, each of them a frame."""
        first, after = self._clip_runs[clip], self._clip_runs[clip + 1]
        return int(self._run_frame[after] - self._run_frame[first])

    def frame_path(self, clip: int, frame: int) -> str:
        """Path of a frame as the list gives it, relative to the image folder as a rule."""
        run, step = self._locate(clip, frame)
        path = self._run_path[run]
        if step:
            start, end = number_span(path)
            number = b"%0*d" % (end - start, int(path[start:end]) + step)
            path = path[:start] + number + path[end:]
        return _decode(path)

    def line(self, clip: int, frame: int = 0) -> int:
        """Line of the list, counted from 1, that names this frame."""
        run, step = self._locate(clip, frame)
        return int(self._run_line[run]) + step

    def labels(self, clip: int, first: int | None = None, last: int | None = None) -> list[int]:
        """Sorted classes of the frames first..last, both included; without them of all frames."""
        runs = range(
            self._clip_runs[clip] if first is None else self._locate(clip, first)[0],
            self._clip_runs[clip + 1] if last is None else self._locate(clip, last)[0] + 1,
        )
        return sorted(set().union(*(self._label_sets[self._run_labels[run]] for run in runs)))

    def multi_hot(self, num_classes: int) -> np.ndarray:
        """(clips, num_classes) float32: 1 where any frame of the clip carries the class."""
        hot = np.zeros((len(self), num_classes), np.float32)
        sets, clips = np.unique(np.stack([self._run_labels, self._run_clip]), axis=1)
        sets, first = np.unique(sets, return_index=True)
        for label_set, members in zip(sets, np.split(clips, first[1:]), strict=True):
            hot[np.ix_(members, self._label_sets[label_set])] = 1
        return hot

    def class_counts(self, num_classes: int) -> np.ndarray:
        """(num_classes,) int64: clips that carry each class."""
        return self.multi_hot(num_classes).sum(axis=0, dtype=np.int64)

    @property
    def highest_label(self) -> int:
        """The highest class id of any clip; -1 where no clip has a label."""
        return max((labels[-1] for labels in self._label_sets if labels), default=-1)

    def select(self, keep: np.ndarray) -> ClipList:
        """A list of the clips alone for which `keep`, (clips,) bool, is True, in their order."""
        runs = keep[self._run_clip].nonzero()[0]
        renumbered = np.cumsum(keep, dtype=np.int32) - 1
        return ClipList(
            path=self.path,
            names=Texts([self._names[clip] for clip in keep.nonzero()[0]]),
            run_clip=renumbered[self._run_clip[runs]],
            run_length=np.diff(self._run_frame)[runs],
            run_labels=self._run_labels[runs],
            run_line=self._run_line[runs],
            run_path=Texts([self._run_path[run] for run in runs]),
            label_sets=self._label_sets,
            label_line=self._label_line,
        )

    def check_labels(self, num_classes: int) -> None:
        """Raise UserError for the first label that is not below num_classes."""
        for labels, line in zip(self._label_sets, self._label_line, strict=True):
            if labels and labels[-1] >= num_classes:
                raise UserError(
                    f"{self.path}:{line}: label {labels[-1]} is outside 0..{num_classes - 1} "
                    f"(MODEL.NUM_CLASSES is {num_classes}). Correct the list or the key."
                )

    def _locate(self, clip: int, frame: int) -> tuple[int, int]:
        """The run that holds a frame, and the frame's place in it."""
        if not 0 <= frame < self.num_frames(clip):
            raise IndexError(f"clip {self.name(clip)} has no frame {frame}")
        at = self._run_frame[self._clip_runs[clip]] + frame
        run = int(np.searchsorted(self._run_frame, at, side="right")) - 1
        return run, int(at - self._run_frame[run])


@lru_cache(maxsize=16)
def _read(path: Path, size: int, mtime_ns: int) -> ClipList:
    """Read a list; size and time are there to tell a changed file from the one that was read."""
    clip_of: dict[bytes, int] = {}
    set_of: dict[bytes, int] = {}
    label_sets: list[tuple[int, ...]] = []
    label_line: list[int] = []
    clip, length, labels, line, paths = [], [], [], [], []
    for run in read_runs(path):
        clip.append(clip_of.setdefault(run.clip, len(clip_of)))
        if run.labels not in set_of:
            set_of[run.labels] = len(label_sets)
            label_sets.append(_parse_labels(run.labels, path, run.line))
            label_line.append(run.line)
        labels.append(set_of[run.labels])
        length.append(run.length)
        line.append(run.line)
        paths.append(run.path)
    if not clip:
        raise UserError(f"{path}: the list has no line below its header.\n{HOW_TO_GET_DATA}")

    run_clip = np.array(clip, np.int32)
    order = np.argsort(run_clip, kind="stable")  # brings scattered lines of a clip together
    return ClipList(
        path=path,
        names=Texts(list(clip_of)),
        run_clip=run_clip[order],
        run_length=np.array(length, np.int64)[order],
        run_labels=np.array(labels, np.int32)[order],
        run_line=np.array(line, np.int64)[order],
        run_path=Texts([paths[i] for i in order]),
        label_sets=label_sets,
        label_line=label_line,
    )


def _parse_labels(text: bytes, path: Path, line: int) -> tuple[int, ...]:
    """`2,40` as (2, 40): sorted, each once."""
    parts = text.split(b",") if text else []
    # int() alone would also take 1_3, +1 and blanks, and refuse thousands of digits otherwise.
    if not all(part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise UserError(
            f"{path}:{line}: expected labels as whole numbers from 0 on, parted by commas "
            f'("2,40", or "" for none), found {_decode(text)!r}.'
        )
    return tuple(sorted({int(part) for part in parts}))


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
