"""The scores of the cells of a video, from the scores of overlapping windows.

The score of a cell is the mean over the windows that cover it. A window that was not scored (NaN)
does not count. A cell that no scored window covers has no score.
"""

from __future__ import annotations

import numpy as np

from slowfast.ethograms.windows import Windows


def combine_windows(scores: np.ndarray, windows: Windows) -> np.ndarray:
    """Returns the scores of cells, (G, C) float32, NaN for a cell without a score.

    Args:
        scores: (W, C), a row for each window; a row of NaN for a window that was not scored.
    """
    scored = ~np.isnan(scores).any(axis=1)
    # Each window adds its scores at its first cell and takes them away after its last one.
    change = np.zeros((windows.cells + 1, scores.shape[1] + 1))
    values = np.where(scored[:, None], scores, 0).astype(np.float64)
    rows = np.column_stack([values, scored])
    np.add.at(change, windows.starts, rows)
    np.subtract.at(change, windows.stops, rows)
    sums = change[:-1].cumsum(axis=0)
    count = np.round(sums[:, -1:])
    mean = np.divide(sums[:, :-1], count, out=np.full_like(sums[:, :-1], np.nan), where=count > 0)
    # Rounding of the cumulative sums can leave the range of the scores by 1e-16.
    return np.clip(mean, 0, 1).astype(np.float32)
