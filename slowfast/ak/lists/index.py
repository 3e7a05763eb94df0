"""What a list says, as a few flat arrays; made from the list's lines once.

A list is kept as its runs (`slowfast.ak.lists.frame_lines`), not as its lines: a list like Animal
Kingdom's, of 4.3 million lines and 237 MB, becomes 24,000 runs and 2 MB. Clips are told apart by
the first column, as upstream does; lines of a clip that are scattered over the list are put
together in their order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.blocks import Block, read_blocks
from slowfast.ak.lists.clip_lines import read_light, read_pairs
from slowfast.ak.lists.frame_lines import MAX_DIGITS, Run, read_runs

HOW_TO_GET_DATA = """\
For a try-out without any data run `make demo` in this project's folder: it makes a small set.
Animal Kingdom is asked for by the form that https://sutdcv.github.io/Animal-Kingdom/ links to.
Lay it out as
  data/ak/annot/train.csv   data/ak/annot/val.csv
  data/ak/image/<clip>/<clip>_000001.jpg ...   or   data/ak/video/<clip>.mp4
or set DATA.PATH_TO_DATA_DIR to the folder of the lists, DATA.PATH_PREFIX to that of the frames."""

HOW_PAIRS_ARE_WRITTEN = """\
Each of its lines is the path of a video, DATA.PATH_LABEL_SEPARATOR and the number of its class."""


@dataclass(frozen=True, eq=False)
class ClipIndex:
    """Arrays of a list of C clips, R runs (ordered by clip) and L distinct sets of labels.

    Texts lie in one array of bytes, text i between bounds i and i + 1; all else is int64.
    """

    names: np.ndarray
    name_bounds: np.ndarray  # (C + 1,)
    clip_runs: np.ndarray  # (C + 1,): the runs of clip c lie between c and c + 1
    run_frames: np.ndarray  # (R + 1,): frames before each run; empty where the list tells none
    run_labels: np.ndarray  # (R,): which set
    run_lines: np.ndarray  # (R,): line of the list that it begins at
    run_paths: np.ndarray  # (R,): which of the paths, which stay in the order of the list
    paths: np.ndarray
    path_bounds: np.ndarray  # (R + 1,)
    labels: np.ndarray  # ascending within a set
    label_bounds: np.ndarray  # (L + 1,)
    label_lines: np.ndarray  # (L,): line of the list that has it first

    def name(self, clip: int) -> bytes:
        """The clip's name."""
        return _text(self.names, self.name_bounds, clip)

    def path(self, run: int) -> bytes:
        """Path of a run's first frame."""
        return _text(self.paths, self.path_bounds, self.run_paths[run])

    def label_set(self, which: int) -> list[int]:
        """The labels of a set, ascending."""
        return self.labels[self.label_bounds[which] : self.label_bounds[which + 1]].tolist()


def read_index(file: str, name: str, separator: str | None) -> ClipIndex:
    """Read the list in `file`, which messages call `name`.

    separator: of a list of pairs, which has no header; None for lists with a header, which tells a
    frame list from a light one. Raises UserError, with the line, for a list that is none.
    """
    blocks = read_blocks(file, name)
    if separator is not None:
        if not separator:
            raise UserError(
                "DATA.PATH_LABEL_SEPARATOR: expected what parts path and label, found ''."
            )
        runs = read_pairs(blocks, name, separator)
        return _build(runs, name, tells_frames=False, advice=HOW_PAIRS_ARE_WRITTEN)
    first = next(blocks, Block(1, b""))
    header, _, rest = first.text.partition(b"\n")
    blocks = chain([Block(2, rest)] if rest else [], blocks)
    if _is_frame_list(header, name):
        return _build(read_runs(blocks, name), name, tells_frames=True)
    return _build(read_light(blocks, name), name, tells_frames=False)


def _is_frame_list(header: bytes, name: str) -> bool:
    """Whether a header is that of a frame list; False if it is a light list's."""
    plain = header.replace(b'"', b"").strip()
    fields = plain.split()
    if len(fields) == 5 and fields[3].endswith(b"path") and fields[4].endswith(b"labels"):
        return True
    fields = plain.split(b";")
    if len(fields) == 2 and fields[1].strip() == b"labels":
        return False
    raise UserError(
        f"{name}:1: expected the header 'original_vido_id video_id frame_id path labels', or "
        f"'video_id;labels' for a list of one line a clip, found "
        f"{plain[:80].decode('utf-8', 'replace')!r}. Put that line first."
    )


def _build(
    runs: Iterator[Run], name: str, tells_frames: bool, advice: str = HOW_TO_GET_DATA
) -> ClipIndex:
    clip_of: dict[bytes, int] = {}
    set_of: dict[bytes, int] = {}
    clip, length, labels, line, path_sizes = (array("q") for _ in range(5))
    paths = bytearray()
    sets: list[list[int]] = []
    set_lines: list[int] = []
    for run in runs:
        number = clip_of.setdefault(run.clip, len(clip_of))
        if not tells_frames and number < len(clip):
            raise UserError(
                f"{name}:{run.line}: clip {decode(run.clip)} has a line already, line "
                f"{line[number]}. Leave one of them."
            )
        if run.labels not in set_of:
            set_of[run.labels] = len(sets)
            sets.append(_parse_labels(run.labels, name, run.line))
            set_lines.append(run.line)
        clip.append(number)
        labels.append(set_of[run.labels])
        length.append(run.length)
        line.append(run.line)
        paths += run.path
        path_sizes.append(len(run.path))
    if not clip:
        raise UserError(f"{name}: the list has no line that names a clip.\n{advice}")

    run_clip = _array(clip)
    order = np.argsort(run_clip, kind="stable")  # brings scattered lines of a clip together
    return ClipIndex(
        names=np.frombuffer(b"".join(clip_of), np.uint8),
        name_bounds=_bounds(map(len, clip_of)),
        clip_runs=np.searchsorted(run_clip[order], np.arange(len(clip_of) + 1)),
        run_frames=_bounds(_array(length)[order]) if tells_frames else np.zeros(0, np.int64),
        run_labels=_array(labels)[order],
        run_lines=_array(line)[order],
        run_paths=order,
        paths=np.frombuffer(paths, np.uint8),
        path_bounds=_bounds(path_sizes),
        labels=np.array([label for labels in sets for label in labels], np.int64),
        label_bounds=_bounds(map(len, sets)),
        label_lines=np.array(set_lines, np.int64),
    )


def _parse_labels(text: bytes, name: str, line: int) -> list[int]:
    """`2,40` as [2, 40]: sorted, each once."""
    parts = text.split(b",") if text else []
    # int() alone would also take 1_3, +1 and blanks, and refuse thousands of digits otherwise.
    if not all(part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise UserError(
            f"{name}:{line}: expected labels as whole numbers from 0 on, parted by commas "
            f'("2,40", or "" for none), found {decode(text[:200])!r}.'
        )
    return sorted({int(part) for part in parts})


def decode(text: bytes) -> str:
    """A name or path as text; bytes that are no UTF-8 find their files all the same."""
    return text.decode("utf-8", "surrogateescape")


def _text(texts: np.ndarray, bounds: np.ndarray, index: int) -> bytes:
    return texts[bounds[index] : bounds[index + 1]].tobytes()


def _bounds(sizes: Iterable[int]) -> np.ndarray:
    """(n + 1,) int64: where texts of n sizes begin in one array, and where the last one ends."""
    sizes = np.fromiter(sizes, np.int64)
    return np.concatenate(([0], np.cumsum(sizes)))


def _array(values: array) -> np.ndarray:
    return np.frombuffer(values, np.int64)
