"""The threshold with the best F1, and the file of thresholds."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ethograms.thresholds import (
    as_json,
    best_threshold,
    choose_thresholds,
    read_thresholds,
)


def test_the_best_threshold_by_hand():
    scores = np.array([0.9, 0.8, 0.6, 0.3])
    # From 0.9 on F1 is 2/3, from 0.8 on 1/2, from 0.6 on 4/5, from 0.3 on 2/3.
    threshold, f1 = best_threshold(scores, np.array([True, False, True, False]))
    assert (threshold, f1) == (pytest.approx(0.45), pytest.approx(0.8))


def test_equal_scores_are_not_separated():
    scores = np.array([0.7, 0.7, 0.2])
    threshold, f1 = best_threshold(scores, np.array([True, False, False]))
    assert (threshold, f1) == (pytest.approx(0.45), pytest.approx(2 / 3))


def test_no_other_threshold_is_better():
    rng = np.random.default_rng(0)
    scores, positive = rng.random(60).round(2), rng.random(60) < 0.3
    weights = rng.integers(0, 3, 60)

    def f1(threshold):
        shown = scores >= threshold
        total = weights[shown].sum() + weights[positive].sum()
        return 2 * weights[shown & positive].sum() / total

    best, value = best_threshold(scores, positive, weights)
    assert value == pytest.approx(f1(best))
    assert value == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 1001)))


def test_a_class_without_a_positive_clip_gets_the_default():
    scores = np.array([[0.9, 0.1], [0.2, 0.3], [0.1, 0.2]])
    labels = np.array([[1, 0], [0, 0], [0, 0]])
    first, second = choose_thresholds(scores, labels, ["a", "b"], resamples=50)
    assert first.f1 == 1
    low, high = first.threshold_interval
    assert low <= first.threshold <= high
    assert (second.threshold, second.positives, second.f1) == (0.5, 0, None)
    assert second.f1_interval is None


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "thresholds.json"
    scores, labels = np.array([[0.8], [0.2]]), np.array([[1], [0]])
    path.write_text(as_json(choose_thresholds(scores, labels, ["fox, red"], 5), checkpoint="ab"))
    found = read_thresholds(path)
    assert found.values == {"fox, red": pytest.approx(0.5)}
    assert found.checkpoint == "ab"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "no file of thresholds"),
        ('{"classes": [{"name": "a", "threshold": 2}]}', "from 0 to 1, found 2"),
        ('{"classes": [{"name": "a", "threshold": NaN}]}', "found nan"),
        ('{"classes": [{"name": "a", "threshold": 0}, {"name": "a", "threshold": 1}]}', "of a;"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, words):
    path = tmp_path / "thresholds.json"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_thresholds(path)
