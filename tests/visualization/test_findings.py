"""Confused pairs, weakest classes and clips, on examples computed by hand."""

import numpy as np

from slowfast.visualization.report.findings import (
    Pair,
    confused_pairs,
    worst_classes,
    worst_clips,
)


def test_confused_pairs_by_hand():
    # Classes a b c d. Of the four clips with a, three have b in its place.
    labels = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    scores = np.array(
        [
            [0.1, 0.9, 0.5, 0.2],  # one label: only b counts, although c is above a too
            [0.1, 0.9, 0.8, 0.2],  # two labels: c is right, b stands in the place of a
            [0.1, 0.9, 0.0, 0.2],
            [0.9, 0.8, 0.0, 0.2],  # a first: nothing is confused
            [0.9, 0.8, 0.0, 0.2],  # no label: nothing is predicted
        ]
    )
    assert confused_pairs(scores, labels) == [Pair(missed=0, taken=1, clips=3, share=0.75)]


def test_pairs_are_bounded_and_kept_by_clips_and_by_share():
    rng = np.random.default_rng(0)
    labels = (rng.random((500, 30)) < np.linspace(0.4, 0.02, 30)).astype(int)
    scores = rng.random(labels.shape)
    every = confused_pairs(scores, labels, most=10_000)
    some = confused_pairs(scores, labels, most=10)
    assert 10 <= len(some) <= 20 < len(every)
    assert some[:10] == every[:10]
    assert max(every, key=lambda pair: pair.share) in some
    assert all(pair.clips >= 2 and 0 < pair.share <= 1 for pair in every)


def test_worst_classes_of_each_segment_that_have_clips():
    ap = np.array([0.9, 0.2, np.nan, 0.5, 0.1, 0.3, np.nan, 1.0])
    segments = ["head", "head", "head", "middle", "tail", "tail", "tail", "middle"]
    assert worst_classes(ap, segments, each=2) == [1, 0, 3, 4, 5]
    assert worst_classes(ap, None, each=1) == [4, 1, 5]
    assert worst_classes(np.full(3, np.nan), None) == []


def test_worst_clips():
    scores = np.array([0.9, 0.1, 0.8, 0.2, 0.7])
    labels = np.array([1, 1, 0, 0, 1])
    assert worst_clips(scores, labels, each=2) == ([1, 4], [2, 3])
    assert worst_clips(scores, np.zeros(5), each=1) == ([], [0])
