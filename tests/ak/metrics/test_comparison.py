"""A paired comparison sees what two intervals side by side would not, and no more than there is."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import average_precision, mean_figures
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights, resampled_means
from slowfast.ak.metrics.comparison import align, compare, largest_changes

SEGMENTS = ["head"] * 4 + ["tail"] * 4


def draw(strength=1.5, seed=0, clips=300):
    generator = np.random.default_rng(seed)
    labels = generator.random((clips, 8)) < np.linspace(0.4, 0.05, 8)
    return generator.normal(size=labels.shape) + strength * labels, labels


def test_a_small_change_for_the_better_is_seen():
    scores, labels = draw()
    better = scores + 0.15 * labels
    found = compare(scores, better, labels, SEGMENTS, resamples=300)
    assert list(found) == ["map", "map_head", "map_tail", "map_micro"]
    figures = mean_figures(better, labels, SEGMENTS)
    for key, one in found.items():
        assert one.second == figures[key]
        assert 0 < one.low < one.value < one.high
        assert one.is_shown
        assert one.share_better == 1
    # The intervals of the two by themselves overlap by far.
    alone = resampled_means(scores, labels, None, resample_weights(len(labels), 300))["map"]
    assert interval(centred(alone, found["map"].first))[1] > found["map"].second


def test_it_is_the_difference_on_the_same_resamples():
    (scores, labels), (other, _) = draw(), draw(seed=1)
    found = compare(scores, other, labels, None, resamples=25, seed=4)["map"]
    values = []
    for drawn in resample_weights(len(labels), 25, 4).T:
        clips = np.repeat(np.arange(len(labels)), drawn)
        means = [np.nanmean(average_precision(s[clips], labels[clips])) for s in (scores, other)]
        values.append(means[1] - means[0])
    values = np.array(values) - np.mean(values) + found.value
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert found.share_better == (values > 0).mean()


def test_chance_and_no_change_are_no_difference():
    scores, labels = draw()
    noise = np.random.default_rng(5).normal(size=scores.shape)
    found = compare(scores + 0.3 * noise, scores - 0.3 * noise, labels, SEGMENTS, resamples=300)
    assert not found["map"].is_shown
    same = compare(scores, scores, labels, SEGMENTS, resamples=50)["map"]
    assert (same.value, same.low, same.high, same.share_better) == (0, 0, 0, 0.5)
    assert not same.is_shown


def test_largest_changes():
    scores, labels = draw()
    other = scores.copy()
    other[:, 5] += 3 * labels[:, 5]
    other[:, 2] -= 0.2 * labels[:, 2]
    ids = [index for index, *_ in largest_changes(scores, other, labels, 5)]
    assert ids == [5, 2], "what did not change is not told"


def test_clips_are_brought_together_by_name():
    assert align(["a", "b", "c"], ["c", "a", "b"]).tolist() == [1, 2, 0]
    with pytest.raises(UserError, match=r"1 are in the first alone, 2 in the second \(b, c, d"):
        align(["a", "b"], ["d", "a", "c"])
    with pytest.raises(UserError, match="twice"):
        align(["a", "a"], ["a", "b"])
