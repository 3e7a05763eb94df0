"""Files of features: an array with a row for each view or window, and what the rows are.

    FOLDER/NAME.npy       (R, C), or (R, P, C) with P positions of each row; float16 or float32
    FOLDER/NAME_rows.csv  a line for each row: the clip or video, and the place in it
    FOLDER/NAME.json      what made the features
    FOLDER/NAME.csv       of a data set: the list of the clips that could be read, with labels
    FOLDER/NAME.done      a byte for each row, while rows are missing

NAME is train, val or test for a data set, and videos for videos. The array is written in place, so
that an extraction can be stopped and go on, and several processes can write their own rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.utils.files import atomic

DTYPES = ("float16", "float32")
MISSING, WRITTEN, UNREADABLE = 0, 1, 2  # states of a row in NAME.done


@dataclass(frozen=True)
class FeatureSet:
    """A set of features in a folder.

    Attributes:
        shape: of a row: (C,) or (P, C).
        dtype: float16 or float32.
        rows: R.
        settings: what made the features.
    """

    folder: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    rows: int
    settings: dict[str, Any]

    # ------------------------------------------------------------------ making and opening

    @classmethod
    def open(cls, folder: str | Path, name: str) -> FeatureSet:
        """Opens a set. Raises UserError if it does not exist, or its files do not fit."""
        path = Path(folder) / f"{name}.json"
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            found = cls(
                Path(folder),
                name,
                tuple(map(int, about["shape"])),
                str(about["dtype"]),
                int(about["rows"]),
                dict(about["settings"]),
            )
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror}). tools/extract_features.py writes "
                "features; name its folder as DATA.PATH_TO_DATA_DIR."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{path}: does not describe features; expected what tools/extract_features.py "
                "writes. Extract them again into another folder."
            ) from None
        found.array()
        return found

    @classmethod
    def create(
        cls,
        folder: Path,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        settings: dict[str, Any],
        columns: Sequence[str],
        lines: Sequence[Sequence[Any]],
    ) -> FeatureSet:
        """Makes the files of a set without its rows, or opens the set of an earlier run.

        Args:
            settings: what the features depend on, as plain values.
            columns: of the index, after ``row``.
            lines: of the index, one for each row.

        Raises:
            UserError: the folder has another set of this name, or the disk has too little space.
        """
        table = _as_csv(["row", *columns], ([row, *line] for row, line in enumerate(lines)))
        digest = hashlib.sha256(table).hexdigest()[:16]
        settings = json.loads(json.dumps({**settings, "digest of the index": digest}))
        made = cls(folder, name, shape, dtype, len(lines), settings)
        if made.path(".json").exists():
            earlier = cls.open(folder, name)
            earlier.check_same(made)
            return earlier
        if found := next((e for e in _ENDINGS if made.path(e).exists()), ""):
            raise UserError(
                f"{made.path(found)}: is in the way, and there is no {name}.json, so that it is "
                "of another program or of a run that was stopped at its start. Delete it, or name "
                "another folder as --out."
            )
        made.check_space()
        made.write(f"{name}_rows.csv", table)
        try:
            np.lib.format.open_memmap(
                made.path(".npy"), "w+", np.dtype(dtype), (made.rows, *shape)
            ).flush()
            made.path(".done").write_bytes(bytes(made.rows))
        except OSError as error:
            raise atomic.cannot_be_written(made.path(".npy"), error) from None
        about = {"shape": shape, "dtype": dtype, "rows": made.rows, "settings": settings}
        made.write(f"{name}.json", (json.dumps(about, indent=2) + "\n").encode())
        return made

    def check_same(self, other: FeatureSet) -> None:
        """Raises UserError if another run would write other features into these files."""
        mine, others = ({**each.settings, "dtype": each.dtype} for each in (self, other))
        keys = sorted(k for k in {*mine, *others} if mine.get(k) != others.get(k))
        if keys or self.shape != other.shape:
            lines = [f"  {key}: {mine.get(key)} there, {others.get(key)} here" for key in keys[:8]]
            raise UserError(
                f"{self.path('.json')}: has the features of another run:\n"
                + "\n".join(lines or [f"  shape: {self.shape} there, {other.shape} here"])
                + "\nName another folder as --out, or set these back to continue that run."
            )

    def check_space(self) -> None:
        """Raises UserError if the folder cannot be made, or the disk has too little space."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.folder}: this folder cannot be made ({error.strerror}). Name another one "
                "as --out."
            ) from None
        free = shutil.disk_usage(self.folder).free
        if self.size > free:
            raise UserError(
                f"{self.path('.npy')}: needs {as_size(self.size)}, and the disk has "
                f"{as_size(free)} free. Name a folder on another disk, or extract float16 instead "
                "of float32, or without --tokens."
            )

    # ------------------------------------------------------------------ contents

    def path(self, ending: str) -> Path:
        """The path of one of the files."""
        return self.folder / f"{self.name}{ending}"

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return size_of(self.rows, self.shape, self.dtype)

    def array(self, writable: bool = False) -> np.memmap:
        """The array (R, C) or (R, P, C), mapped into memory.

        Raises:
            UserError: there is none, or it has another shape.
        """
        path, expected = self.path(".npy"), (self.rows, *self.shape)
        try:
            found = np.load(path, mmap_mode="r+" if writable else "r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: cannot be read as an array ({error}). Extract the features again into "
                "another folder."
            ) from None
        if found.shape != expected or found.dtype != np.dtype(self.dtype):
            raise UserError(
                f"{path}: has {found.dtype} of shape {found.shape}; {self.name}.json says "
                f"{self.dtype} of shape {expected}. Extract the features again into another folder."
            )
        return found

    def index(self) -> list[dict[str, str]]:
        """The lines of the index by column. Raises UserError if it does not fit the array."""
        path = self.path("_rows.csv")
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
        lines = list(csv.DictReader(io.StringIO(text, newline="")))
        if len(lines) != self.rows or any(int(x["row"]) != n for n, x in enumerate(lines)):
            raise UserError(f"{path}: expected the rows 0 to {self.rows - 1}, one in each line.")
        return lines

    def states(self, writable: bool = False) -> np.ndarray:
        """(R,) uint8, the state of each row. Changes are written to the file if `writable`."""
        path = self.path(".done")
        if not path.exists():
            return np.full(self.rows, WRITTEN, np.uint8)
        return np.memmap(path, np.uint8, "r+" if writable else "r", shape=(self.rows,))

    def finish(self) -> None:
        """Removes NAME.done if all rows are written."""
        if (self.states() == WRITTEN).all():
            self.path(".done").unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file of the folder; several processes may do so. Raises UserError."""
        temporary = f"{name}.{platform.node()}-{os.getpid()}.tmp"
        atomic.write(self.folder / name, content, temporary)


_ENDINGS = (".npy", "_rows.csv", ".csv", ".done")


class RowWriter:
    """Writes rows of a set. Processes write different rows."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        self._array, self._states = features.array(writable=True), features.states(writable=True)

    def put(self, first: int, values: np.ndarray) -> None:
        """Writes consecutive rows, (n, C) or (n, P, C) float32.

        Raises:
            UserError: a value is not finite in the type of the array.
        """
        with np.errstate(over="ignore"):
            values = values.astype(self.features.dtype)
        if not np.isfinite(values).all():
            raise UserError(
                f"{self.features.path('.npy')}: row {first}: a feature is not finite in "
                f"{self.features.dtype}. Use --dtype float32; if it is not finite there either, "
                "the weights may have diverged."
            )
        rows = slice(first, first + len(values))
        self._array[rows] = values
        self._states[rows] = WRITTEN

    def leave_out(self, first: int, count: int) -> None:
        """Marks rows that cannot be read. Their values are NaN."""
        rows = slice(first, first + count)
        self._array[rows] = np.nan
        self._states[rows] = UNREADABLE

    def written(self, first: int, count: int) -> int:
        """How many of these rows are written, from the first on."""
        states = self._states[first : first + count]
        return int(np.argmin(states == WRITTEN)) if (states != WRITTEN).any() else count

    def close(self) -> None:
        """Writes everything to the disk."""
        self._array.flush()
        if isinstance(self._states, np.memmap):
            self._states.flush()


def write_list(features: FeatureSet, clips: Iterable[tuple[str, Sequence[int]]]) -> None:
    """Writes the list of a set: a line for each clip with its labels, as a light list."""
    header, rows = ["video_id", "labels"], ([name, ",".join(map(str, ls))] for name, ls in clips)
    features.write(f"{features.name}.csv", _as_csv(header, rows, ";"))


def _as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], between: str = ",") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=between, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def size_of(rows: int, shape: Sequence[int], dtype: str) -> int:
    """Bytes of an array."""
    return rows * math.prod(shape) * np.dtype(dtype).itemsize


def as_size(number: float) -> str:
    """A number of bytes in words, such as "1.5 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}" if unit != "bytes" else f"{number:.0f} bytes"
        number /= 1000
    return f"{number:,.1f} GB"
