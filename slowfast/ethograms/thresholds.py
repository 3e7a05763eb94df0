"""Thresholds of classes: the best ones on a hold-out, and the file that keeps them.

The threshold of a class is chosen so that its F1, 2 TP / (predicted + true), is highest on clips or
videos that were not trained on. It lies in the middle between the lowest score that is predicted
and the next lower score of the hold-out, so that it does not depend on the rounding of a score. A
class that the hold-out does not show has no best threshold and gets the default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.bootstrap import interval, resample_weights

FILE = "thresholds.json"
DEFAULT = 0.5


@dataclass(frozen=True)
class Chosen:
    """The threshold of a class.

    Attributes:
        threshold: scores from it on count as shown.
        positives: clips, or moments of videos, of the hold-out with the class.
        f1: on the hold-out, on which it was chosen; None without a positive clip.
        threshold_interval, f1_interval: of 95 % over resamples of the clips, the threshold chosen
            anew in each; None without a positive clip.
    """

    name: str
    threshold: float
    positives: int
    f1: float | None = None
    threshold_interval: tuple[float, float] | None = None
    f1_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Thresholds:
    """The content of a file of thresholds.

    Attributes:
        values: threshold by name of the class.
        checkpoint: SHA-256 of the weights that they were chosen with; empty: not known.
    """

    values: dict[str, float]
    checkpoint: str = ""


def best_threshold(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Returns the threshold with the highest F1, and this F1.

    Of several, it is the highest threshold.

    Args:
        scores: (N,) from 0 to 1.
        positive: (N,) whether the item has the class; at least one has, with a weight above 0.
        weights: (N,) how often each item counts; None: once.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    thresholds, f1 = _best_thresholds(scores, positive, weights[:, None])
    return float(thresholds[0]), float(f1[0])


def _best_thresholds(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same for each column of weights (N, R): thresholds (R,) and F1 (R,)."""
    order = np.argsort(-scores, kind="stable")
    ordered, weights = scores[order].astype(np.float64), weights[order]
    hits = np.flatnonzero(positive[order])
    # F1 can only be highest where the threshold separates after a positive item and its equals.
    stops = np.unique(np.searchsorted(-ordered, -ordered[hits], side="right"))
    starts = np.concatenate(([0], stops[:-1]))
    whole = {"axis": 0, "dtype": np.float64}
    predicted = np.add.reduceat(weights[: stops[-1]], starts, **whole).cumsum(axis=0)
    first_hits = np.searchsorted(hits, starts)
    reached = np.add.reduceat(weights[hits], first_hits, **whole).cumsum(axis=0)
    f1 = 2 * reached / np.maximum(predicted + reached[-1], 1)
    best = f1.argmax(axis=0)
    lowest = ordered[stops - 1]
    below = np.append(ordered, 0.0)[stops]
    return ((lowest + below) / 2)[best], f1.max(axis=0)


def choose_thresholds(
    scores: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    resamples: int = 200,
    seed: int = 0,
    videos: np.ndarray | None = None,
) -> list[Chosen]:
    """Returns the best threshold of each class, with intervals over resamples.

    Args:
        scores: (N, C) of clips or of moments of videos, from 0 to 1.
        labels: (N, C) of 0 and 1.
        videos: (N,) numbers from 0 of the videos of the items; whole videos are drawn then. None:
            each item is drawn by itself.
    """
    labels = labels > 0
    groups = np.arange(len(scores)) if videos is None else videos
    units = int(groups.max(initial=-1)) + 1
    drawn = resample_weights(units, resamples if units > 1 else 0, seed)[groups]
    chosen = []
    for number, name in enumerate(names):
        positive, own = labels[:, number], scores[:, number]
        count = int(positive.sum())
        if not count:
            chosen.append(Chosen(name, DEFAULT, 0))
            continue
        threshold, f1 = best_threshold(own, positive)
        with_class = drawn[:, drawn[positive].any(axis=0)]
        intervals: tuple = (None, None)
        if with_class.shape[1]:
            intervals = tuple(map(interval, _best_thresholds(own, positive, with_class)))
        chosen.append(Chosen(name, threshold, count, f1, *intervals))
    return chosen


def as_json(chosen: Sequence[Chosen], **about: object) -> str:
    """Returns the text of a file of thresholds.

    Args:
        about: where the thresholds come from, such as the digest of the weights as ``checkpoint``.
    """
    classes = [asdict(each) for each in chosen]
    return json.dumps({**about, "classes": classes}, indent=2) + "\n"


def read_thresholds(path: Path) -> Thresholds:
    """Reads a file of thresholds.

    Raises:
        UserError: the file cannot be read, or is no such file; the text names what is wrong.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        classes = [(entry["name"], entry["threshold"]) for entry in content["classes"]]
        checkpoint = content.get("checkpoint") or ""
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f'{path}: is no file of thresholds; expected JSON such as {{"classes": [{{"name": '
            '"walking", "threshold": 0.4}]}. tools/choose_thresholds.py writes one.'
        ) from None
    for name, value in classes:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UserError(f"{path}: {name}: expected a threshold from 0 to 1, found {value!r}.")
    names = [name for name, _ in classes]
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: has several thresholds of {', '.join(twice)}; expected one.")
    return Thresholds(dict(classes), str(checkpoint))
