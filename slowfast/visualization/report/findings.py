"""Where a multi-label test fails: its weakest classes, and the classes taken for others.

All arrays are (clips, classes): scores, higher meaning more likely, and labels of 0 and 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """Clips that carry class ``missed`` and not ``taken``, where ``taken`` stood in its place."""

    missed: int
    taken: int
    clips: int
    share: float


def named(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, C) booleans: of each clip the classes of its k highest scores, k being its labels."""
    # A stable sort: of equal scores the lower class id comes first, on every machine.
    place = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")
    return place < labels.sum(axis=1, keepdims=True)


def mistaken(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(C, C) clips: those that carry a, which is not `named` there, while b is, wrongly."""
    labels, found = labels.astype(bool), named(scores, labels)
    return (labels & ~found).T.astype(np.float32) @ (found & ~labels).astype(np.float32)


def confused_pairs(scores: np.ndarray, labels: np.ndarray, most: int = 40) -> list[Pair]:
    """The pairs of classes of which one is most often ranked in the other's place.

    With several labels no prediction replaces one label. So a clip with k labels is held to its k
    highest scores: it counts for (a, b) where it carries a, a is not among these k, and b is,
    though the clip does not carry it. ``share`` is of all clips that carry a.

    Returns:
        The ``most`` pairs of the most clips and the ``most`` of the highest share, of two clips
        at least; most clips first, then by share.
    """
    clips = mistaken(scores, labels)
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


def worst_classes(ap: np.ndarray, segments: Sequence[str] | None, each: int = 3) -> list[int]:
    """The ``each`` classes of lowest average precision in head, middle and tail.

    Args:
        ap: (classes,), nan where a class has no test clip; those are left out, and so is 1, at
            which nothing failed.
        segments: of each class; without them three times ``each`` of all classes.
    """
    order = [int(index) for index in np.argsort(ap, kind="stable") if ap[index] < 1]
    if segments is None:
        return order[: 3 * each]
    found = []
    for segment in dict.fromkeys(("head", "middle", "tail", *segments)):
        found += [index for index in order if segments[index] == segment][:each]
    return found


def telling_clips(
    scores: np.ndarray, labels: np.ndarray, each: int = 3
) -> tuple[list[int], list[int]]:
    """Clips that show how one class fails, from its column of scores and of labels.

    Returns:
        The ``each`` clips that carry it and have the lowest scores, lowest first; and those that
        do not carry it and have the highest, highest first.
    """
    order = np.argsort(scores, kind="stable")
    carries = labels.astype(bool)[order]
    return order[carries][:each].tolist(), order[~carries][::-1][:each].tolist()
