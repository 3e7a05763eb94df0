"""Smoothing of scores over time."""

from __future__ import annotations

import numpy as np

# By name: a function of values (..., n) with NaN where there are none, over the last dimension.
METHODS = {"mean": np.nanmean, "median": np.nanmedian}


def smooth(scores: np.ndarray, method: str, width: int) -> np.ndarray:
    """Returns the moving mean or median of the scores of cells, (G, C) float32.

    The window is centred and becomes shorter at the ends of the video. Cells without a score do not
    count, and stay without one.

    Args:
        scores: (G, C), NaN for a cell without a score.
        method: a name in `METHODS`.
        width: cells of the window, an odd number.
    """
    if width <= 1:
        return scores
    missing = np.full(width // 2, np.nan, scores.dtype)
    known = ~np.isnan(scores).any(axis=1)
    result = np.full_like(scores, np.nan)
    # One class after the other: the windows of all classes of a long video need gigabytes.
    for label, own in enumerate(scores.T):
        around = np.lib.stride_tricks.sliding_window_view(
            np.concatenate([missing, own, missing]), width
        )
        result[known, label] = METHODS[method](around[known], axis=-1)
    return result


def odd_width(seconds: float, cell_seconds: float) -> int:
    """Returns the odd number of cells that is nearest to a time; of two, the larger."""
    return 2 * int(seconds / cell_seconds / 2) + 1
