"""What a person reviews first: doubtful places, rare classes before common ones."""

import numpy as np
import pytest

from slowfast.ethograms.ranking import doubt, places, ranked
from slowfast.ethograms.scores import Bout, VideoScores


def make_video(scores):
    frames = np.arange(len(scores) + 1) * 10
    return VideoScores("a", ("walk", "fly"), frames / 10, frames, np.array(scores, np.float32))


def bout(label, start, stop, mean):
    return Bout("a", label, start, stop, 0, 0, "", mean, mean)


def test_doubt_is_largest_at_the_threshold():
    assert [doubt(score, 0.4) for score in (0, 0.2, 0.4, 0.7, 1)] == pytest.approx(
        [0, 0.5, 1, 0.5, 0]
    )
    assert doubt(1, 1) == 1


def test_bouts_and_times_near_the_threshold_are_found():
    # walk: a bout from 1 to 3 s, whose slope at 3 s belongs to it; 0.4 at 5 s may be missed.
    scores = [[0.1, 0], [0.8, 0], [0.8, 0], [0.3, np.nan], [0.1, 0], [0.4, 0], [0.35, 0.2]]
    found = places(make_video(scores), [bout("walk", 1, 3, 0.8)], {"walk": 0.5, "fly": 0.3})
    shown = [(each.label, each.start, each.stop, each.missed) for each in found]
    assert shown == [("walk", 1, 3, False), ("walk", 5, 7, True), ("fly", 6, 7, True)]
    assert [each.doubt for each in found] == pytest.approx([0.4, 0.8, 2 / 3])
    assert [each.score for each in found] == pytest.approx([0.8, 0.4, 0.2])


def test_rare_classes_come_before_common_ones_of_equal_doubt():
    common = [bout("walk", start, start + 0.5, 0.6) for start in (0, 2, 4, 6)]
    rare = bout("fly", 1, 2, 0.7)
    found = places(make_video(np.zeros((7, 2))), [*common, rare], {})
    order = ranked(found)
    assert [each.label for each in order] == ["fly", "walk", "walk", "walk", "walk"]
    assert [each.start for each in order[1:]] == [0, 2, 4, 6]
    assert ranked(found, most=1) == order[:1]


def test_a_rare_class_does_not_take_all_of_the_hour():
    rare = [bout("fly", start, start + 0.5, 0.5 + start / 100) for start in range(3)]
    common = [bout("walk", start, start + 0.5, 0.5) for start in range(6)]
    order = [each.label for each in ranked(places(make_video(np.zeros((7, 2))), rare + common, {}))]
    # 1 / sqrt(3), 0.98 / sqrt(4), 0.96 / sqrt(5) against 1 / sqrt(6), 1 / sqrt(7), ...
    assert order == ["fly", "fly", "fly", *["walk"] * 6]
    many = [bout("fly", start / 10, start / 10 + 0.05, 0.5) for start in range(5)]
    order = [each.label for each in ranked(places(make_video(np.zeros((7, 2))), many + common, {}))]
    # 1 / sqrt(5), then 1 / sqrt(6) twice, 1 / sqrt(7) twice, ...: the earlier one first.
    assert order[:5] == ["fly", "walk", "fly", "fly", "walk"]


def test_the_training_clips_of_a_class_say_how_rare_it_is():
    found = places(
        make_video(np.zeros((7, 2))), [bout("walk", 0, 1, 0.5), bout("fly", 2, 3, 0.6)], {}
    )
    assert [each.label for each in ranked(found)] == ["walk", "fly"]
    order = ranked(found, training_clips={"walk": 100, "fly": 2})
    assert [each.label for each in order] == ["fly", "walk"]
