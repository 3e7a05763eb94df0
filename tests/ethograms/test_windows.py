"""Windows over a video, and the scores of cells that follow from them."""

import numpy as np
import pytest

from slowfast.ethograms.combine import combine_windows
from slowfast.ethograms.windows import Windows

NAN = float("nan")


@pytest.mark.parametrize(
    ("cells", "length", "stride", "starts", "stops"),
    [
        (8, 4, 2, [0, 2, 4], [4, 6, 8]),
        (9, 4, 2, [0, 2, 4, 6], [4, 6, 8, 9]),  # the last window is short
        (3, 4, 2, [0], [3]),
        (1, 4, 2, [0], [1]),
        (9, 2, 4, [0, 4, 8], [2, 6, 9]),  # gaps between windows
        (8, 2, 4, [0, 4], [2, 6]),  # no window starts after the end
        (7, 3, 1, [0, 1, 2, 3, 4], [3, 4, 5, 6, 7]),
    ],
)
def test_where_windows_start_and_stop(cells, length, stride, starts, stops):
    windows = Windows(cells, length, stride)
    assert windows.starts.tolist() == starts
    assert windows.stops.tolist() == stops


def test_a_cell_has_the_mean_of_the_windows_that_cover_it():
    scores = np.array([[0.2, 1.0], [0.4, 0.0], [0.9, 0.5]], np.float32)
    cells = combine_windows(scores, Windows(6, 3, 2))
    # Windows cover the cells 0-2, 2-4 and 4-5.
    expected = [[0.2, 1], [0.2, 1], [0.3, 0.5], [0.4, 0], [0.65, 0.25], [0.9, 0.5]]
    np.testing.assert_allclose(cells, expected, atol=1e-6)
    assert cells.dtype == np.float32


def test_windows_that_were_not_scored_do_not_count():
    scores = np.array([[0.2], [NAN], [NAN]], np.float32)
    cells = combine_windows(scores, Windows(7, 3, 2))
    np.testing.assert_allclose(cells[:, 0], [0.2, 0.2, 0.2, NAN, NAN, NAN, NAN], atol=1e-6)


def test_equal_scores_stay_exactly_equal():
    scores = np.full((4000, 1), 0.1, np.float32)
    cells = combine_windows(scores, Windows(4003, 4, 1))
    assert np.abs(cells - np.float32(0.1)).max() < 1e-7
