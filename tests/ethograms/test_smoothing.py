"""Smoothing of scores over time."""

import numpy as np

from slowfast.ethograms.smoothing import odd_width, smooth

NAN = float("nan")


def column(*values):
    return np.array(values, np.float32)[:, None]


def test_the_window_becomes_shorter_at_the_ends():
    smoothed = smooth(column(0, 0.3, 0.9, 0.6), "mean", 3)
    np.testing.assert_allclose(smoothed, column(0.15, 0.4, 0.6, 0.75), atol=1e-6)


def test_a_median_removes_a_single_peak():
    smoothed = smooth(column(0.1, 0.1, 0.9, 0.1, 0.2), "median", 3)
    np.testing.assert_allclose(smoothed, column(0.1, 0.1, 0.1, 0.2, 0.15), atol=1e-6)


def test_cells_without_a_score_do_not_count_and_get_none():
    smoothed = smooth(column(0.2, NAN, 0.6, 0.8), "mean", 3)
    np.testing.assert_allclose(smoothed, column(0.2, NAN, 0.7, 0.7), atol=1e-6)


def test_widths_are_odd():
    assert [odd_width(s, 0.1) for s in (0.01, 0.15, 0.25, 0.35, 1.05)] == [1, 1, 3, 3, 11]
