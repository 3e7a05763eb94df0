"""Bouts: the times in which a video shows a class, from the scores of its cells.

The steps, in this order, for each class:

1. A cell shows the class if its score reaches the threshold of the class.
2. Of classes that exclude each other and reach their thresholds, a cell shows only the one with the
   highest score.
3. Gaps between two bouts that last at most `merge_gap` seconds are filled, unless a class that
   excludes this one is shown there.
4. Bouts shorter than `min_bout` seconds are dropped, also at the ends of the video.

Filling gaps comes before dropping short bouts, as in DeepEthogram, so that a bout that is broken
into short pieces stays. A time without scores ends a bout and is never filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slowfast.ethograms.scores import Bout, VideoScores

# Times of cells are sums of rounded numbers; a gap of exactly the limit has to count as such.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class BoutRules:
    """How scores become bouts.

    Attributes:
        thresholds: (C,) of the classes, from 0 to 1.
        merge_gap: seconds; 0: no gap is filled.
        min_bout: seconds; 0: every bout stays.
        exclusive: groups of class numbers that exclude each other.
    """

    thresholds: np.ndarray
    merge_gap: float = 0.0
    min_bout: float = 0.0
    exclusive: Sequence[Sequence[int]] = ()


def find_bouts(video: VideoScores, rules: BoutRules) -> list[Bout]:
    """Returns the bouts of a video, ordered by start and then by class."""
    shown = _above_thresholds(video.scores, rules)
    if rules.merge_gap:
        _fill_gaps(shown, video, rules)
    bouts = []
    for label in range(len(video.classes)):
        for first, stop in _runs(shown[:, label]):
            start, end = video.times[first], video.times[stop]
            if end - start >= rules.min_bout - _ROUNDING:
                bouts.append(_bout(video, label, first, stop))
    order = {name: number for number, name in enumerate(video.classes)}
    return sorted(bouts, key=lambda bout: (bout.start, order[bout.label]))


def _above_thresholds(scores: np.ndarray, rules: BoutRules) -> np.ndarray:
    """(G, C) whether a cell shows a class, before gaps are filled."""
    shown = scores >= rules.thresholds  # NaN reaches no threshold
    for group in rules.exclusive:
        own = np.where(shown[:, group], scores[:, group], -1.0)
        is_highest = np.arange(len(group)) == own.argmax(axis=1)[:, None]
        shown[:, group] &= is_highest
    return shown


def _fill_gaps(shown: np.ndarray, video: VideoScores, rules: BoutRules) -> None:
    """Fills the short gaps of all classes, in place."""
    before = shown.copy()
    scored = ~np.isnan(video.scores).any(axis=1)
    rivals: list[set[int]] = [set() for _ in video.classes]
    for group in rules.exclusive:
        for label in group:
            rivals[label] |= set(group) - {label}
    for label in range(len(video.classes)):
        others = sorted(rivals[label])
        runs = _runs(before[:, label])
        for (_, first), (stop, _) in pairwise(runs):
            short = video.times[stop] - video.times[first] <= rules.merge_gap + _ROUNDING
            # What was filled before for an excluding class keeps its cells.
            if short and scored[first:stop].all() and not shown[first:stop, others].any():
                shown[first:stop, label] = True


def _runs(shown: np.ndarray) -> list[tuple[int, int]]:
    """The (first, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _bout(video: VideoScores, label: int, first: int, stop: int) -> Bout:
    first_frame = int(video.frames[first])
    scores, seconds = video.scores[first:stop, label], np.diff(video.times[first : stop + 1])
    return Bout(
        video.video,
        video.classes[label],
        float(video.times[first]),
        float(video.times[stop]),
        first_frame,
        max(first_frame, int(video.frames[stop]) - 1),  # cells can be shorter than a frame
        mean=float(np.average(scores, weights=seconds)),
        peak=float(scores.max()),
    )
