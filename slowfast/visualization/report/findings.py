"""Failures of a test: its weakest classes, and the classes that it confuses.

All arrays are (clips, classes): scores, higher meaning more likely, and labels of 0 and 1. A clip
can have one label or several.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """Clips with the class ``missed`` and without ``taken``, which was predicted in its place."""

    missed: int
    taken: int
    clips: int
    share: float


def predicted_classes(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns (N, C) booleans: the k highest scores of each clip, k being its number of labels."""
    # A stable sort: of equal scores the lower class id comes first, on every machine.
    place = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")
    return place < labels.sum(axis=1, keepdims=True)


def confusions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns (C, C): the number of clips on which class a is missed and b is predicted wrongly."""
    labels, predicted = labels.astype(bool), predicted_classes(scores, labels)
    return (labels & ~predicted).T.astype(np.float32) @ (predicted & ~labels).astype(np.float32)


def confused_pairs(scores: np.ndarray, labels: np.ndarray, most: int = 40) -> list[Pair]:
    """Returns the pairs of classes that are confused most often.

    With several labels no prediction replaces one label. The k highest scores of a clip with k
    labels are taken as its predictions: the clip counts for (a, b) if it carries a, a is not
    predicted, and b is predicted although the clip does not carry b. ``share`` is the share of the
    clips that carry a.

    Returns:
        The ``most`` pairs with most clips and the ``most`` with the highest share, of at least two
        clips; ordered by clips, then by share.
    """
    clips = confusions(scores, labels)
    share = clips / np.maximum(labels.sum(axis=0), 1)[:, None]
    rows, columns = np.nonzero(clips >= 2)
    pairs = [
        Pair(int(a), int(b), round(float(clips[a, b])), round(float(share[a, b]), 4))
        for a, b in zip(rows, columns, strict=True)
    ]
    by_clips = sorted(pairs, key=lambda pair: (-pair.clips, -pair.share))
    by_share = sorted(pairs, key=lambda pair: (-pair.share, -pair.clips))
    kept = {*by_clips[:most], *by_share[:most]}
    return [pair for pair in by_clips if pair in kept]


def worst_classes(values: np.ndarray, segments: Sequence[str] | None, each: int = 3) -> list[int]:
    """Returns the ``each`` classes of lowest average precision or recall in each segment.

    Args:
        values: (classes,), nan where a class has no test clip. Classes with nan or 1 are left out.
        segments: the segment of each class; None: three times ``each`` of all classes are returned.
    """
    order = [int(index) for index in np.argsort(values, kind="stable") if values[index] < 1]
    if segments is None:
        return order[: 3 * each]
    found = []
    for segment in dict.fromkeys(("head", "middle", "tail", *segments)):
        found += [index for index in order if segments[index] == segment][:each]
    return found


def worst_clips(
    scores: np.ndarray, labels: np.ndarray, each: int = 3
) -> tuple[list[int], list[int]]:
    """Returns the clips on which one class fails most clearly, from its scores and labels (N,).

    Returns:
        The ``each`` clips with the class and the lowest scores, lowest first; and the ``each``
        clips without the class and with the highest scores, highest first.
    """
    order = np.argsort(scores, kind="stable")
    carries = labels.astype(bool)[order]
    return order[carries][:each].tolist(), order[~carries][::-1][:each].tolist()
