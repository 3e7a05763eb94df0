"""Figures of resampled clips, and the intervals that follow from them."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from slowfast.ak.metrics.average_precision import average_precision, micro_average_precision
from slowfast.ak.metrics.bootstrap import (
    centred,
    interval,
    resample_weights,
    resampled_ap,
    resampled_micro_ap,
)
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.metrics.inputs import known_mean, segment_means


def draw(clips=40, classes=6, decimals=None, seed=0):
    generator = np.random.default_rng(seed)
    scores = generator.random((clips, classes)).astype(np.float32)
    labels = generator.random((clips, classes)) < np.linspace(0.03, 0.5, classes)
    return (scores if decimals is None else scores.round(decimals)), labels


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_a_resample_has_the_average_precision_of_its_clips(decimals, monkeypatch):
    monkeypatch.setattr("slowfast.ak.metrics.bootstrap._GATHERED", 300)  # several blocks
    scores, labels = draw(decimals=decimals)
    weights = resample_weights(len(scores), 30, seed=3)
    found = resampled_ap(scores, labels, weights)
    micro = resampled_micro_ap(scores, labels, weights)
    for resample, drawn in enumerate(weights.T):
        clips = np.repeat(np.arange(len(scores)), drawn)
        expected = average_precision(scores[clips], labels[clips])
        np.testing.assert_allclose(found[resample], expected, atol=1e-12)
        expected = micro_average_precision(scores[clips], labels[clips])
        assert micro[resample] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found[:, 0]).any(), "some resamples lack a rare class"
    value = average_precision_score(labels[:, -1], scores[:, -1], sample_weight=weights[:, 7])
    assert found[7, -1] == pytest.approx(value, abs=1e-12)


def test_weights_are_draws_with_replacement_and_seeded():
    weights = resample_weights(50, 2000, seed=1)
    assert (weights.sum(axis=0) == 50).all()
    assert weights.var(axis=1).mean() == pytest.approx(
        0.98, abs=0.02
    )  # the variance of a multinomial
    assert np.array_equal(weights, resample_weights(50, 2000, seed=1))
    assert not np.array_equal(weights, resample_weights(50, 2000, seed=2))


def test_means_leave_out_classes_that_were_not_drawn():
    scores, labels = draw()
    weights = resample_weights(len(scores), 10)
    segments = ["tail", "tail", "middle", "middle", "head", "head"]
    means = Figures(scores, labels, segments).resampled(weights)
    assert list(means) == ["map", "map_head", "map_middle", "map_tail", "map_micro"]
    for resample, ap in enumerate(resampled_ap(scores, labels, weights)):
        assert means["map"][resample] == pytest.approx(known_mean(ap))
        for segment, value in segment_means(ap, segments).items():
            found = means[f"map_{segment}"][resample]
            assert found == pytest.approx(value, nan_ok=True)


def test_an_interval_holds_the_middle_of_the_resamples():
    values = np.random.default_rng(0).permutation(np.arange(1001.0))
    assert interval(values) == pytest.approx((25, 975))
    assert interval(values, share=0.5) == pytest.approx((250, 750))
    assert interval(centred(np.append(values, np.nan), 510)) == pytest.approx((35, 985))
    assert np.isnan(interval(centred(np.full(3, np.nan), 0.5))).all()


def test_a_centred_interval_surrounds_its_figure():
    """Rare classes score higher in resamples, so that plain percentiles are above the figure."""
    generator = np.random.default_rng(0)
    scores, labels = generator.random((300, 60)), np.zeros((300, 60), bool)
    labels[generator.integers(300, size=60), np.arange(60)] = True
    figures = Figures(scores, labels)
    figure = figures.values["map"]
    values = figures.resampled(resample_weights(300, 300))["map"]
    assert interval(values)[0] > figure
    low, high = interval(centred(values, figure))
    assert low < figure < high
    assert high - low == pytest.approx(np.diff(interval(values))[0])


def test_the_width_of_an_interval_follows_from_the_standard_error():
    """Positive clips score best or worst. The average precision is then almost the share of the
    best ones, and the standard error of a share is known."""
    labels = np.zeros((2000, 1), bool)
    labels[:100] = True
    scores = np.zeros((2000, 1))
    scores[:60] = 1
    weights = resample_weights(2000, 1000)
    low, high = interval(resampled_ap(scores, labels, weights)[:, 0])
    expected = 2 * 1.96 * np.sqrt(0.6 * 0.4 / 100) * 0.95  # the worst have 0.05
    assert high - low == pytest.approx(expected, rel=0.1)
