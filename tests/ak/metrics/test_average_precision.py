"""Average precision is scikit-learn's, and segments average what they should."""

import itertools
import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import (
    average_precision,
    chance_average_precision,
    chance_figures,
    map_by_segment,
    mean_figures,
    micro_average_precision,
)


@pytest.mark.parametrize("decimals", [None, 2, 1, 0], ids=lambda d: f"rounded to {d}")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_clips", [1, 2, 37, 1000])
def test_values_are_scikit_learns_ties_included(num_clips, dtype, decimals):
    generator = np.random.Generator(np.random.PCG64(num_clips))
    scores = generator.standard_normal((num_clips, 20)).astype(dtype)
    scores = scores if decimals is None else scores.round(decimals)
    labels = (generator.random(scores.shape) < 0.2).astype(np.float32)
    labels[:, 0], labels[:, 1] = 0, 1
    found = average_precision(scores, labels)
    for column, value in enumerate(found):
        if labels[:, column].any():
            expected = average_precision_score(labels[:, column], scores[:, column])
            assert value == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(value)


def test_segments_average_their_classes_and_no_missing_ones():
    ap = np.array([0.2, 0.4, np.nan, 0.9, np.nan])
    means = map_by_segment(ap, ["tail", "head", "head", "", "middle"])
    assert list(means) == ["map", "map_head", "map_middle", "map_tail"]
    assert means["map"] == pytest.approx(0.5)
    assert means["map_head"] == 0.4
    assert means["map_tail"] == 0.2
    assert np.isnan(means["map_middle"])
    assert list(map_by_segment(ap)) == ["map"]


@pytest.mark.parametrize(
    ("scores", "labels", "reason"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"\(2, 3\) and \(2, 4\)"),
        (np.zeros(3), np.zeros(3), "clips, classes"),
        (
            np.array([[np.nan, 1.0], [0, 0]]),
            np.zeros((2, 2)),
            "1 clips have scores that are nan, .* number 0",
        ),
        (np.zeros((2, 2)), np.full((2, 2), 0.5), "0 and 1 alone"),
    ],
)
def test_bad_input_is_said(scores, labels, reason):
    with pytest.raises(UserError, match=reason):
        average_precision(scores, labels)


def test_a_wrong_number_of_segments_is_said():
    with pytest.raises(UserError, match="2 classes, and 3 classes"):
        map_by_segment(np.zeros(3), ["head", "tail"])


@pytest.mark.parametrize("decimals", [None, 1])
def test_micro_is_scikit_learns(decimals):
    generator = np.random.default_rng(0)
    scores = generator.random((60, 8))
    scores = scores if decimals is None else scores.round(decimals)
    labels = generator.random(scores.shape) < 0.2
    labels[:, 2] = False
    expected = average_precision_score(labels, scores, average="micro")
    assert micro_average_precision(scores, labels) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(micro_average_precision(scores, np.zeros_like(labels)))


@pytest.mark.parametrize("clips", [1, 2, 9])
def test_chance_is_the_mean_over_all_orders(clips):
    """Every way to place the positives is equally likely."""
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


def test_chance_is_told_for_every_figure():
    labels = np.zeros((6, 3))
    labels[:4, 0] = labels[0, 1] = 1
    segments = ["head", "tail", "tail"]
    found = chance_figures(labels.sum(axis=0), 6, segments)
    by_class = chance_average_precision(np.array([4, 1]), 6)
    assert found["map_head"] == pytest.approx(by_class[0])
    assert found["map_tail"] == pytest.approx(by_class[1])
    assert found["map"] == pytest.approx(by_class.mean())
    assert found["map_micro"] == pytest.approx(chance_average_precision(np.array([5]), 18)[0])
    assert found.keys() == mean_figures(labels, labels, segments).keys()


def test_resamples_are_averaged_row_by_row():
    ap = np.array([[0.2, np.nan, 0.6], [0.4, 0.8, np.nan]])
    means = map_by_segment(ap, ["head", "tail", "tail"])
    np.testing.assert_allclose(means["map"], [0.4, 0.6])
    np.testing.assert_allclose(means["map_tail"], [0.6, 0.8])


def test_five_times_as_fast_as_a_loop_over_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.random((3000, 70)).astype(np.float32)
    labels = generator.random(scores.shape) < 0.03

    def least(function):
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            function()
            times.append(time.perf_counter() - begin)
        return min(times)

    loop = least(
        lambda: [average_precision_score(y, s) for y, s in zip(labels.T, scores.T, strict=True)]
    )
    assert 5 * least(lambda: average_precision(scores, labels)) < loop
