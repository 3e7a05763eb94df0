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
    """The results of a test with many labels.

    Attributes:
        path: the pickle.
        scores, labels: (N, C).
        clips: N names; empty: not known.
        classes: C rows; empty: not known.
        summary: the figures and how they were obtained; empty: not known.
    """

    path: Path
    scores: np.ndarray
    labels: np.ndarray
    clips: list[str]
    classes: list[ClassResult]
    summary: dict[str, Any]


def read_results(path: str | Path) -> Results:
    """Reads a pickle of results, and the files that the test wrote beside it.

    Raises:
        UserError: the file is no such pickle, has one label a clip, or does not fit the files
            beside it.
    """
    path = Path(path)
    scores, labels = read_scores(path)
    if labels.ndim == 1:
        raise UserError(
            f"{path}: expected scores and labels (clips, classes) of many labels, found "
            f"{scores.shape} and {labels.shape}."
        )
    summary = _read_summary(path.with_suffix(".json"))
    table = path.with_suffix(".csv")
    clips = _read_names(table) if table.is_file() else []
    if clips and len(clips) != len(scores):
        raise UserError(f"{table}: has {len(clips)} clips, and {path} has {len(scores)}.")
    classes = _read_classes(path, summary, labels)
    return Results(path, scores, labels, clips, classes, summary)


def read_scores(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads scores (N, C) and labels, (N, C) or (N,), from a pickle of results.

    Raises:
        UserError: the file is no such pickle.
    """
    try:
        with path.open("rb") as file:
            content = load_arrays(file, _TENSORS)
        scores, labels = (_array(part) for part in content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except Refused as error:
        raise UserError(
            f"{path}: refused. It contains {error}; expected tensors or arrays of numbers. Nothing "
            "of it was run."
        ) from None
    except Exception as error:  # a damaged pickle can raise nearly any error
        raise UserError(
            f"{path}: expected saved results, [predictions, labels]; cannot be read: {error}"
        ) from None
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


def _array(part: Any) -> np.ndarray:
    array = part.array if isinstance(part, StoredArray) else np.asarray(part)
    if array is None or array.dtype.kind not in "fiub":
        raise ValueError("there are other values than numbers")
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


def _read_classes(path: Path, summary: dict[str, Any], labels: np.ndarray) -> list[ClassResult]:
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
    if [row.test_count for row in rows] != labels.sum(axis=0).tolist():
        raise UserError(
            f"{found}: belongs to another test than {path}: the numbers of test clips differ. A "
            "later test may have replaced the table; test again, or move the table away."
        )
    return rows
