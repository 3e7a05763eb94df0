"""Thresholds of classes: the best ones on a hold-out, and the file that keeps them.

The threshold of a class is chosen so that its F1, 2 TP / (predicted + true), is highest on clips
that were not trained on. It lies in the middle between the lowest score that is predicted and the
next lower score of the hold-out, so that it does not depend on the rounding of a score. A class
without a positive clip in the hold-out has no best threshold and gets the default.
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
        positives: clips of the hold-out with the class.
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
        positive: (N,) whether the clip has the class; at least one has, with a weight above 0.
        weights: (N,) how often each clip counts; None: once.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ordered, counts = scores[order], weights[order].astype(np.float64)
    hits = np.cumsum(counts * positive[order])
    predicted = np.cumsum(counts)
    f1 = 2 * hits / np.maximum(predicted + hits[-1], 1)
    # A threshold can only lie below the last of equal scores.
    last = np.append(ordered[1:] < ordered[:-1], True)
    best = int(np.flatnonzero(last)[f1[last].argmax()])
    lower = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((float(ordered[best]) + float(lower)) / 2), float(f1[best])


def choose_thresholds(
    scores: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    resamples: int = 200,
    seed: int = 0,
) -> list[Chosen]:
    """Returns the best threshold of each class, with intervals over resamples of the clips.

    Args:
        scores: (N, C) from 0 to 1.
        labels: (N, C) of 0 and 1.
    """
    labels = labels > 0
    weights = resample_weights(len(scores), resamples, seed) if resamples else None
    chosen = []
    for number, name in enumerate(names):
        positive, own = labels[:, number], scores[:, number]
        count = int(positive.sum())
        if not count:
            chosen.append(Chosen(name, DEFAULT, 0))
            continue
        threshold, f1 = best_threshold(own, positive)
        drawn = [] if weights is None else [w for w in weights.T if w[positive].any()]
        again = np.array([best_threshold(own, positive, each) for each in drawn]).reshape(-1, 2)
        intervals = (None, None)
        if len(again):
            intervals = (interval(again[:, 0]), interval(again[:, 1]))
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
