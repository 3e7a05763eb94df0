"""Average precision equals scikit-learn's; segments are means over their classes."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import (
    average_precision,
    chance_average_precision,
    micro_average_precision,
)
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.metrics.inputs import known_mean, segment_means


@pytest.mark.parametrize("decimals", [None, 2, 0], ids=lambda d: f"rounded to {d}")
@pytest.mark.parametrize("num_clips", [1, 2, 300])
def test_values_equal_scikit_learn_with_ties(num_clips, decimals):
    generator = np.random.Generator(np.random.PCG64(num_clips))
    scores = generator.standard_normal((num_clips, 8)).astype(np.float32)
    scores = scores if decimals is None else scores.round(decimals)
    labels = (generator.random(scores.shape) < 0.2).astype(np.float32)
    labels[:, 0], labels[:, 1] = 0, 1
    for column, value in enumerate(average_precision(scores, labels)):
        if labels[:, column].any():
            expected = average_precision_score(labels[:, column], scores[:, column])
            assert value == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(value)
    expected = average_precision_score(labels, scores, average="micro")
    assert micro_average_precision(scores, labels) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(micro_average_precision(scores, np.zeros_like(labels)))


def test_segment_means_leave_out_classes_without_a_value():
    ap = np.array([0.2, 0.4, np.nan, 0.9, np.nan])
    means = segment_means(ap, ["tail", "head", "head", "", "middle"])
    assert list(means) == ["head", "middle", "tail"]
    assert (means["head"], means["tail"]) == (0.4, 0.2)
    assert np.isnan(means["middle"])
    assert known_mean(ap) == pytest.approx(0.5)
    resampled = np.array([[0.2, np.nan, 0.6], [0.4, 0.8, np.nan]])
    np.testing.assert_allclose(segment_means(resampled, ["", "tail", "tail"])["tail"], [0.6, 0.8])


@pytest.mark.parametrize(
    ("scores", "labels", "reason"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"\(2, 3\) and \(2, 4\)"),
        (np.zeros(3), np.zeros(3), "one shape"),
        (np.array([[np.nan, 1], [0, 0]]), np.zeros((2, 2)), "1 clips .* are nan; .* number 0"),
        (np.zeros((2, 2)), np.full((2, 2), 0.5), "0 and 1 only"),
    ],
)
def test_wrong_input_is_refused(scores, labels, reason):
    with pytest.raises(UserError, match=reason):
        average_precision(scores, labels)


def test_a_wrong_number_of_segments_is_refused():
    with pytest.raises(UserError, match="segments of 2 classes, but scores of 3"):
        segment_means(np.zeros(3), ["head", "tail"])


@pytest.mark.parametrize("clips", [1, 2, 7])
def test_chance_is_the_mean_over_all_orders(clips):
    """The mean is over all placements of the positive clips in the ranking."""
    scores = np.arange(clips, dtype=float)[:, None]
    for positives in range(1, clips + 1):
        values = []
        for places in itertools.combinations(range(clips), positives):
            labels = np.zeros((clips, 1))
            labels[list(places)] = 1
            values.append(average_precision(scores, labels)[0])
        found = chance_average_precision(np.array([positives, 0]), clips)
        assert found[0] == pytest.approx(np.mean(values), abs=1e-12)
        assert np.isnan(found[1])


def test_every_mean_has_a_chance_value():
    labels = np.zeros((6, 3))
    labels[:4, 0] = labels[0, 1] = 1
    figures = Figures(labels, labels, ["head", "tail", "tail"])
    found = figures.chance
    by_class = chance_average_precision(np.array([4, 1]), 6)
    assert found["map_head"] == pytest.approx(by_class[0])
    assert found["map_tail"] == pytest.approx(by_class[1])
    assert found["map"] == pytest.approx(by_class.mean())
    assert found["map_micro"] == pytest.approx(chance_average_precision(np.array([5]), 18)[0])
    assert found.keys() == figures.values.keys()
