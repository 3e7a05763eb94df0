"""The paired comparison of two results on the same clips."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import average_precision
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights
from slowfast.ak.metrics.comparison import align, compare, largest_changes
from slowfast.ak.metrics.figures import Figures

SEGMENTS = ["head"] * 4 + ["tail"] * 4


def draw(strength=1.5, seed=0, clips=300):
    generator = np.random.default_rng(seed)
    labels = generator.random((clips, 8)) < np.linspace(0.4, 0.05, 8)
    return generator.normal(size=labels.shape) + strength * labels, labels


def test_a_small_improvement_is_significant():
    scores, labels = draw()
    first, second = (Figures(s, labels, SEGMENTS) for s in (scores, scores + 0.15 * labels))
    found = compare(first, second, resamples=200)
    assert list(found) == ["map", "map_head", "map_tail", "map_micro"]
    for key, one in found.items():
        assert one.second == second.values[key]
        assert 0 < one.low < one.value < one.high
        assert one.is_shown
        assert one.share_better == 1
    # The separate intervals of the two results overlap.
    resampled = first.resampled(resample_weights(len(labels), 200))["map"]
    _, high = interval(centred(resampled, found["map"].first))
    assert high > found["map"].first + found["map"].low


def test_the_difference_is_measured_on_the_same_resamples():
    (scores, labels), (other, _) = draw(), draw(seed=1)
    figures = Figures(scores, labels), Figures(other, labels)
    found = compare(*figures, resamples=25, seed=4)["map"]
    values = []
    for drawn in resample_weights(len(labels), 25, 4).T:
        clips = np.repeat(np.arange(len(labels)), drawn)
        means = [np.nanmean(average_precision(s[clips], labels[clips])) for s in (scores, other)]
        values.append(means[1] - means[0])
    values = np.array(values) - np.mean(values) + found.value
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert found.share_better == (values > 0).mean()


def test_noise_and_equal_results_are_not_significant():
    scores, labels = draw()
    noise = 0.3 * np.random.default_rng(5).normal(size=scores.shape)
    figures = [Figures(scores + sign * noise, labels) for sign in (1, -1)]
    assert not compare(*figures, resamples=200)["map"].is_shown
    same = compare(figures[0], figures[0], resamples=50)["map"]
    assert (same.value, same.low, same.high, same.share_better) == (0, 0, 0, 0.5)
    assert not same.is_shown


def test_the_classes_that_changed_most_come_first():
    scores, labels = draw()
    other = scores.copy()
    other[:, 5] += 3 * labels[:, 5]
    other[:, 2] -= 0.2 * labels[:, 2]
    changes = largest_changes(Figures(scores, labels), Figures(other, labels), 5)
    assert [index for index, *_ in changes] == [5, 2], "other classes did not change"


def test_clips_are_matched_by_name():
    assert align(["a", "b", "c"], ["c", "a", "b"]).tolist() == [1, 2, 0]
    with pytest.raises(UserError, match=r"1 are in the first only, 2 in the second only \(b, c, d"):
        align(["a", "b"], ["d", "a", "c"])
    with pytest.raises(UserError, match="twice"):
        align(["a", "a"], ["a", "b"])
