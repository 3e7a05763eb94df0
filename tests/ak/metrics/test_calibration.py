"""Calibration error: the weighted distance between predicted and observed shares."""

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.calibration import (
    as_probabilities,
    calibration_error,
    calibration_error_macro,
    calibration_error_micro,
)


def test_calibration_error_follows_its_definition():
    generator = np.random.default_rng(2)
    p = generator.random((500, 3))
    p[:5, 0], p[5:9, 0] = 1.0, 0.0
    labels = generator.random(p.shape) < p**2
    for index, value in enumerate(calibration_error(p, labels, bins=10)):
        expected = 0.0
        for k in range(10):
            inside = (p[:, index] >= k / 10) & (p[:, index] < (k + 1) / 10 if k < 9 else True)
            gap = p[inside, index].mean() - labels[inside, index].mean()
            expected += inside.mean() * abs(gap)
        assert value == pytest.approx(expected, abs=1e-12)


def test_scaled_scores_of_ldam_are_calibrated_and_plain_ones_too_low():
    generator = np.random.default_rng(0)
    p = generator.random((20000, 1)) ** 4
    labels = generator.random(p.shape) < p
    x = np.log(p / (1 - p)) / 30
    too_low = 1 / (1 + np.exp(-x))
    assert calibration_error(too_low, labels)[0] > 0.2
    assert calibration_error(as_probabilities(too_low, scale=30), labels)[0] < 0.02


def test_scaled_scores_are_the_sigmoid_of_scaled_logits():
    logits = torch.linspace(-3, 3, 41, dtype=torch.float64)
    found = as_probabilities(logits.sigmoid().numpy(), scale=30)
    np.testing.assert_allclose(found, (30 * logits).sigmoid().numpy(), rtol=1e-9)
    assert as_probabilities(np.array([0.0, 1.0]), scale=30).tolist() == [0, 1]


def test_scores_that_are_summed_over_views_become_means():
    with pytest.raises(UserError, match=r"found 2\.5\. Divide scores that are summed"):
        calibration_error(np.array([[2.5]]), np.array([[1]]))
    assert as_probabilities(np.array([2.5, 5.000001]), summed_views=5).tolist() == [0.5, 1]


def test_the_mean_over_classes_leaves_out_classes_without_a_clip():
    p = np.array([[0.2, 0.9], [0.4, 0.9]])
    labels = np.array([[False, False], [True, False]])
    assert np.isnan(calibration_error_macro(p, labels)[1])
    assert calibration_error_macro(p, labels)[0] == calibration_error(p, labels)[0]
    assert calibration_error_micro(p, labels) == pytest.approx(0.25 * (0.2 + 0.6 + 1.8))
