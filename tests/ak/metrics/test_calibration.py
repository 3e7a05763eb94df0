"""Calibration error is the weighted distance of what is said from what is so."""

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.calibration import as_probabilities, calibration_error


def test_by_the_definition():
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


def test_what_keeps_its_word_has_little_of_it_and_the_overconfident_has_much():
    generator = np.random.default_rng(0)
    p = generator.random((20000, 1))
    labels = generator.random(p.shape) < p
    assert calibration_error(p, labels)[0] < 0.02
    assert calibration_error(as_probabilities(p, scale=5), labels)[0] > 0.1
    # A network of LDAM on a rare class: its sigmoid is timid, and the scaled one keeps its word.
    p = generator.random((20000, 1)) ** 4
    labels = generator.random(p.shape) < p
    x = np.log(p / (1 - p)) / 30
    timid = 1 / (1 + np.exp(-x))
    assert calibration_error(timid, labels)[0] > 0.2
    assert calibration_error(as_probabilities(timid, scale=30), labels)[0] < 0.02


def test_scaled_scores_are_the_sigmoid_of_scaled_logits():
    logits = torch.linspace(-3, 3, 41, dtype=torch.float64)
    found = as_probabilities(logits.sigmoid().numpy(), scale=30)
    np.testing.assert_allclose(found, (30 * logits).sigmoid().numpy(), rtol=1e-9)
    assert as_probabilities(np.array([0.0, 1.0]), scale=30).tolist() == [0, 1]


def test_sums_become_means_and_are_refused_before():
    with pytest.raises(UserError, match=r"not 2.5; divide scores that are summed"):
        calibration_error(np.array([[2.5]]), np.array([[1]]))
    assert as_probabilities(np.array([2.5]), summed_views=5) == 0.5
