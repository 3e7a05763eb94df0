"""Results that a test has saved, read again: scores and labels, and the names beside them.

Notable: a pickle runs what it names. Of this one only what makes tensors and arrays is let in, so
that results which somebody else has sent can be looked at.
"""

from __future__ import annotations

import collections
import csv
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slowfast.ak.errors import UserError
from slowfast.results.per_class import ClassResult, read_class_results


@dataclass(frozen=True)
class SavedResults:
    """scores and labels (N, C); clips: N names, classes: C rows, empty where no file tells them.

    summary: the figures and how they came about, empty without the file.
    """

    path: Path
    scores: np.ndarray
    labels: np.ndarray
    clips: list[str]
    classes: list[ClassResult]
    summary: dict[str, Any]


def read_results(path: str | Path) -> SavedResults:
    """The pickle at a path, and what lies beside it under the names that a test gives.

    Raises:
        UserError: it is no such pickle, of one label a clip, or what lies beside it does not fit.
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
    return SavedResults(path, scores, labels, clips, classes, summary)


def read_scores(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, C) and labels, (N, C) of many or (N,) of one a clip, from the pickle at a path.

    Raises:
        UserError: it is no such pickle.
    """
    try:
        with path.open("rb") as file:
            content = _ArraysAlone(file).load()
        scores, labels = (np.asarray(part) for part in content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise UserError(f"{path}: no saved results, [predictions, labels]: {error}") from None
    if scores.ndim != 2 or labels.shape not in (scores.shape, scores.shape[:1]):
        raise UserError(
            f"{path}: expected scores (clips, classes) and labels, as many or one a clip, found "
            f"{scores.shape} and {labels.shape}."
        )
    for part, array in (("scores", scores), ("labels", labels)):
        if array.dtype.kind not in "fiub":
            raise UserError(f"{path}: expected numbers as {part}, found {array.dtype}.")
    if not len(scores):
        raise UserError(f"{path}: holds no clip.")
    return scores, labels


class _ArraysAlone(pickle.Unpickler):
    """Reads lists of tensors and arrays, and refuses whatever else a pickle names."""

    _ARRAYS = {"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda stored: torch.load(io.BytesIO(stored), "cpu", weights_only=True)
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module.split(".")[0] == "numpy" and name in self._ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is refused")


def _read_names(table: Path) -> list[str]:
    try:
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [row[0] for row in list(csv.reader(file))[1:]]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{table}: cannot be read as a test's table of clips: {error}") from None


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as a test's summary: {error}") from None


def _read_classes(path: Path, summary: dict[str, Any], labels: np.ndarray) -> list[ClassResult]:
    """The table of classes that the summary names, from its own folder on; or, where only the files
    themselves have been copied, the one of that name beside it.

    Raises:
        UserError: it is of another test.
    """
    if not summary.get("per_class"):
        return []
    named = path.parent / summary["per_class"]
    found = next((place for place in (named, path.with_name(named.name)) if place.is_file()), None)
    if found is None:
        return []
    rows = read_class_results(found)
    if [row.test_count for row in rows] != labels.sum(axis=0).tolist():
        raise UserError(
            f"{found}: is of another test than {path}: its test clips of each class are others. "
            "A later test may have replaced it; test again, or move it away."
        )
    return rows
