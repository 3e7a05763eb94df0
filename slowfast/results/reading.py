"""Reading the results that a test saved: scores and labels, and the names beside them.

Nothing in the pickle is run, so results from somebody else can be read safely.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slowfast.ak.errors import UserError
from slowfast.results.per_class import ClassResult, read_class_results
from slowfast.utils.files.safe_pickle import Refused, StoredArray, load_arrays


@dataclass(frozen=True)
class Results:
    """The results of a test.

    Attributes:
        path: the pickle.
        scores: (N, C).
        targets: (N, C) of 0 and 1; or (N,), one class a clip.
        clips: N names; empty: not known.
        classes: C rows; empty: not known.
        summary: the figures and how they were obtained; empty: not known.
    """

    path: Path
    scores: np.ndarray
    targets: np.ndarray
    clips: list[str]
    classes: list[ClassResult]
    summary: dict[str, Any]

    @property
    def labels(self) -> np.ndarray:
        """(N, C) labels; one class a clip as one-hot booleans."""
        return one_hot(self.targets, self.scores.shape[1])


def one_hot(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns targets (N, C) as they are, and classes (N,) as booleans (N, C)."""
    return targets if targets.ndim == 2 else targets[:, None] == np.arange(num_classes)


def read_results(path: str | Path, label_set: str = "") -> Results:
    """Reads a pickle of results, and the files that the test wrote beside it.

    Args:
        label_set: name of the label set to read, where a test has several; empty: it has one.

    Raises:
        UserError: the file is no such pickle, or does not fit the files beside it.
    """
    path = Path(path)
    scores, targets = read_scores(path, label_set)
    count = scores.shape[1]
    if targets.ndim == 1 and not np.isin(targets, np.arange(count)).all():
        raise UserError(
            f"{path}: expected one class from 0 to {count - 1} a clip, as there are {count} "
            f"scores, found {targets.min():g} to {targets.max():g}."
        )
    summary = _read_summary(path.with_suffix(".json"))
    for part in ("segments", "per_class"):
        if isinstance(summary.get(part), dict):
            summary[part] = summary[part].get(label_set)
    table = path.with_suffix(".csv")
    clips = _read_names(table) if table.is_file() else []
    if clips and len(clips) != len(scores):
        raise UserError(f"{table}: has {len(clips)} clips, and {path} has {len(scores)}.")
    targets = targets.astype(np.int64) if targets.ndim == 1 else targets
    classes = _read_classes(path, summary, one_hot(targets, count).sum(axis=0))
    return Results(path, scores, targets, clips, classes, summary)


def read_scores(path: Path, label_set: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Reads scores (N, C) and labels, (N, C) or (N,), from a pickle of results.

    Args:
        label_set: as for `read_results`.

    Raises:
        UserError: the file is no such pickle.
    """
    try:
        with path.open("rb") as file:
            if file.read(1) not in _FIRST_BYTES:
                raise ValueError("no pickle")
            file.seek(0)
            content = load_arrays(file, _TENSORS)
        if not isinstance(content, list | tuple) or len(content) != 2:
            raise _OtherContent("is a pickle of something else")
        scores, labels = (_array(_of_set(part, label_set)) for part in content)
    except _OtherSet as error:
        raise UserError(f"{path}: {error}.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except Refused as error:
        raise UserError(
            f"{path}: refused. It contains {error}; expected tensors or arrays of numbers. Nothing "
            "of it was run."
        ) from None
    except _OtherContent as error:
        raise UserError(f"{path}: {error}; {_EXPECTED}.") from None
    except Exception:  # a damaged pickle can raise nearly any error
        beside = path.with_suffix(".pkl")
        hint = f" Did you mean {beside}?" if beside != path and beside.is_file() else ""
        raise UserError(f"{path}: is no pickle, or is damaged; {_EXPECTED}.{hint}") from None
    if scores.ndim != 2 or labels.shape not in (scores.shape, scores.shape[:1]):
        raise UserError(
            f"{path}: expected scores (clips, classes), and labels (clips, classes) or (clips,); "
            f"found {scores.shape} and {labels.shape}."
        )
    if not len(scores):
        raise UserError(f"{path}: has no clip.")
    return scores, labels


def _rebuilt_tensor(*arguments: Any) -> torch.Tensor:
    return torch._utils._rebuild_tensor_v2(*arguments)


# The functions that a pickled tensor names. `weights_only` lets nothing else through.
_TENSORS = {
    "torch._utils._rebuild_tensor_v2": _rebuilt_tensor,
    "torch.storage._load_from_bytes": lambda stored: torch.load(
        io.BytesIO(stored), "cpu", weights_only=True
    ),
}


_FIRST_BYTES = (b"\x80", b"(", b"]")  # of a pickle; some text files would be read as one
_EXPECTED = (
    "expected the results that a test saves as TEST.SAVE_RESULTS_PATH, [predictions, labels]"
)


class _OtherContent(Exception):
    """The file is a pickle, and not of scores and labels."""


class _OtherSet(Exception):
    """The results have other label sets than the one that was asked for."""


def _of_set(part: Any, label_set: str) -> Any:
    if not isinstance(part, dict):
        return part
    if label_set not in part:
        names = ", ".join(map(str, part))
        found = f"none is called {label_set!r}" if label_set else "name one of them (--set)"
        raise _OtherSet(f"has results of the label sets {names}; {found}")
    return part[label_set]


def _array(part: Any) -> np.ndarray:
    array = part.array if isinstance(part, StoredArray) else np.asarray(part)
    if array is None or array.dtype.kind not in "fiub":
        raise _OtherContent("has other values than numbers")
    return array


def _read_names(table: Path) -> list[str]:
    try:
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [row[0] for row in list(csv.reader(file))[1:]]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(
            f"{table}: cannot be read as the table of clips of a test: {error}"
        ) from None


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as the summary of a test: {error}") from None


def _read_classes(path: Path, summary: dict[str, Any], counts: np.ndarray) -> list[ClassResult]:
    """Reads the table of classes that the summary names, relative to its own folder.

    If it is not there, a table of the same name beside the pickle is read: somebody can have copied
    the files only.

    Raises:
        UserError: the table belongs to another test.
    """
    if not summary.get("per_class"):
        return []
    usual = path.parent / summary["per_class"]
    found = next((place for place in (usual, path.with_name(usual.name)) if place.is_file()), None)
    if found is None:
        return []
    rows = read_class_results(found)
    if [row.test_count for row in rows] != counts.tolist():
        raise UserError(
            f"{found}: belongs to another test than {path}: the numbers of test clips differ. A "
            "later test may have replaced the table; test again, or move the table away."
        )
    return rows
