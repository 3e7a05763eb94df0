"""Bouts and time budgets from the scores of cells. Cells last a second and have ten frames."""

import numpy as np
import pytest

from slowfast.ethograms.bouts import BoutRules, find_bouts
from slowfast.ethograms.budget import scored_seconds, time_budget
from slowfast.ethograms.scores import Bout, VideoScores

NAN = float("nan")


def video(**scores):
    """Scores of classes by name, in tenths; a blank is a cell without a score."""
    rows = [[NAN if c == " " else int(c) / 10 for c in text] for text in scores.values()]
    values = np.array(rows, np.float32).T
    edges = np.arange(len(values) + 1)
    return VideoScores("a.mp4", tuple(scores), edges.astype(float), 10 * edges, values)


def spans(bouts, label):
    return [(bout.start, bout.stop) for bout in bouts if bout.label == label]


def rules(count, threshold=0.5, **others):
    return BoutRules(np.full(count, threshold), **others)


def test_each_class_has_its_own_threshold():
    bouts = find_bouts(video(a="0560", b="0560"), BoutRules(np.array([0.5, 0.6])))
    assert spans(bouts, "a") == [(1, 3)]
    assert spans(bouts, "b") == [(2, 3)]


def test_a_bout_has_frames_mean_and_peak():
    (bout,) = find_bouts(video(a="0790"), rules(1))
    assert (bout.first_frame, bout.last_frame, bout.subject) == (10, 29, "")
    assert (bout.mean, bout.peak) == (pytest.approx(0.8), pytest.approx(0.9))


def test_bouts_reach_both_ends_and_are_ordered_by_start():
    bouts = find_bouts(video(a="0099", b="9900"), rules(2))
    assert [(b.label, b.start, b.stop) for b in bouts] == [("b", 0, 2), ("a", 2, 4)]


def test_gaps_are_filled_before_short_bouts_are_dropped():
    # As DeepEthogram's example for n = 2: gaps and bouts of up to two cells.
    given = "000999009999999099000090"
    wanted = "000999999999999999000000"
    bouts = find_bouts(video(a=given), rules(1, merge_gap=2, min_bout=2.5))
    shown = ["0"] * len(given)
    for bout in bouts:
        shown[int(bout.start) : int(bout.stop)] = "9" * int(bout.stop - bout.start)
    assert "".join(shown) == wanted


def test_a_bout_of_exactly_the_shortest_length_stays():
    assert spans(find_bouts(video(a="0990900"), rules(1, min_bout=2)), "a") == [(1, 3)]


def test_time_without_scores_ends_a_bout_and_is_not_filled():
    bouts = find_bouts(video(a="099 990"), rules(1, merge_gap=5))
    assert spans(bouts, "a") == [(1, 3), (4, 6)]


def test_of_exclusive_classes_the_higher_score_is_shown():
    scores = video(a="78600", b="67800", c="99999")
    bouts = find_bouts(scores, rules(3, exclusive=[(0, 1)]))
    assert spans(bouts, "a") == [(0, 2)]
    assert spans(bouts, "b") == [(2, 3)]
    assert spans(bouts, "c") == [(0, 5)]


def test_a_class_below_its_own_threshold_excludes_none():
    scores = video(a="66", b="45")
    bouts = find_bouts(scores, BoutRules(np.array([0.65, 0.45]), exclusive=[(0, 1)]))
    assert spans(bouts, "a") == []
    assert spans(bouts, "b") == [(1, 2)]


def test_no_gap_is_filled_where_an_excluding_class_is_shown():
    scores = video(a="909099", b="080000")
    bouts = find_bouts(scores, rules(2, merge_gap=1, exclusive=[(0, 1)]))
    assert spans(bouts, "a") == [(0, 1), (2, 6)]
    assert spans(bouts, "b") == [(1, 2)]


def test_the_budget_counts_scored_time_only():
    scores = video(a="990900  ", b="000000  ")
    assert scored_seconds(scores) == 6
    rows = time_budget(find_bouts(scores, rules(2)), scores.classes, 6.0, "a.mp4")
    a, b = rows
    assert (a.seconds, a.share, a.bouts, a.mean_seconds, a.longest_seconds) == (3, 0.5, 2, 1.5, 2)
    assert (b.seconds, b.share, b.bouts, b.mean_seconds, b.longest_seconds) == (0, 0, 0, None, None)


def test_a_budget_without_scored_time_has_no_shares():
    (row,) = time_budget([], ["a"], 0.0)
    assert row.share is None


def test_bouts_of_several_videos_have_one_budget():
    bouts = [Bout(name, "a", 0, length, 0, 1) for name, length in (("x", 1), ("y", 3))]
    (row,) = time_budget(bouts, ["a"], 10.0)
    assert (row.seconds, row.share, row.mean_seconds) == (4, 0.4, 2)
