"""What is counted in one video. Counts of videos add up: figures follow from their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast.ethograms.agreement.grid import Grid, runs
from slowfast.ethograms.agreement.matching import overlaps, pairs
from slowfast.ethograms.scores import Bout, VideoScores

IOUS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Levels:
    """The scores of one video, each with the frames that have it.

    Attributes:
        scores: (G, C) float32; -1 where nothing was scored, which is below every score.
        frames: (G,) the number of observed frames of each cell.
        true: (G, C) how many of these frames show the class.
    """

    scores: np.ndarray
    frames: np.ndarray
    true: np.ndarray


@dataclass(frozen=True)
class Counts:
    """Counts of one video for C classes.

    Attributes:
        frames: the number of frames that a person observed; others count nowhere.
        true, predicted, both: (C,) frames that show the class for the person, for the prediction,
            for both.
        bouts, predicted_bouts: (C,) numbers of bouts of the person and of the prediction.
        hits: (3, C) pairs of bouts, for each threshold of IOUS.
        errors: (n, 3) for each pair at the lowest threshold: the class, and how many seconds the
            predicted bout starts and stops later than the true one.
        confusion: (C + 1, C + 1), see `confused_frames`.
        levels: None if the prediction has no scores.
    """

    video: str
    frames: int
    true: np.ndarray
    predicted: np.ndarray
    both: np.ndarray
    bouts: np.ndarray
    predicted_bouts: np.ndarray
    hits: np.ndarray
    errors: np.ndarray
    confusion: np.ndarray
    levels: Levels | None = None


def count(
    video: str,
    classes: Sequence[str],
    grid: Grid,
    true: Iterable[Bout],
    predicted: Iterable[Bout],
    scores: VideoScores | None = None,
    unknown: Iterable[tuple[float, float]] = (),
) -> Counts:
    """Returns the counts of one video.

    Args:
        classes: the C classes that are compared; bouts of others are left out.
        true, predicted: the bouts of a person and of a prediction, in any order.
        scores: scores of the prediction, for average precision; classes that it lacks have no
            scores.
        unknown: times (start, stop) in seconds that the person did not observe.
    """
    observed = np.ones(grid.frames, dtype=bool)
    for start, stop in unknown:
        first, end = grid.span(start, stop)
        observed[first:end] = False
    real = grid.shown(true, classes) & observed[:, None]
    found = grid.shown(predicted, classes) & observed[:, None]
    bouts, predicted_bouts = (np.zeros(len(classes), dtype=np.int64) for _ in range(2))
    hits = np.zeros((len(IOUS), len(classes)), dtype=np.int64)
    errors = [np.empty((0, 3))]
    for index in (real.any(axis=0) | found.any(axis=0)).nonzero()[0]:
        mine, other = grid.edges[runs(real[:, index])], grid.edges[runs(found[:, index])]
        bouts[index], predicted_bouts[index] = len(mine), len(other)
        overlap = overlaps(mine, other)
        at = [pairs(overlap, threshold) for threshold in IOUS]
        hits[:, index] = [len(each) for each in at]
        late = other[at[0][:, 1]] - mine[at[0][:, 0]]
        errors.append(np.column_stack((np.full(len(late), float(index)), late)))
    return Counts(
        video,
        int(observed.sum()),
        real.sum(axis=0),
        found.sum(axis=0),
        (real & found).sum(axis=0),
        bouts,
        predicted_bouts,
        hits,
        np.concatenate(errors),
        confused_frames(real, found, observed),
        None if scores is None else _levels(scores, classes, real, observed),
    )


def confused_frames(real: np.ndarray, found: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Returns (C + 1, C + 1) numbers of frames: rows are the person's classes.

    With several classes a frame no prediction stands in the place of one class. A frame counts at
    (a, b) if it shows a, a is not predicted, and b is predicted although the frame does not show
    it. The diagonal has the frames on which both agree. The last column has the frames on which a
    class is missed and nothing is predicted wrongly; the last row those on which a class is
    predicted wrongly and nothing is missed. With one class a frame this is the usual confusion
    matrix.

    Args:
        real, found: (F, C) booleans, what a person and the prediction see.
        observed: (F,); frames where this is False count nowhere.
    """
    classes = real.shape[1]
    result = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    missed, wrong = real & ~found, found & ~real
    # Most frames of a long video are without a mistake, or have the same one as the frame before.
    some = (missed.any(axis=1) | wrong.any(axis=1)) & observed
    missed, wrong = missed[some].astype(np.float32), wrong[some].astype(np.float32)
    result[:-1, :-1] = np.rint(missed.T @ wrong)
    result[:-1, -1] = missed[~wrong.any(axis=1)].sum(axis=0)
    result[-1, :-1] = wrong[~missed.any(axis=1)].sum(axis=0)
    neither = ~(real.any(axis=1) | found.any(axis=1)) & observed
    result[-1, -1] = neither.sum()
    np.fill_diagonal(result[:-1, :-1], (real & found).sum(axis=0))
    return result


def _levels(
    scores: VideoScores, classes: Sequence[str], real: np.ndarray, observed: np.ndarray
) -> Levels:
    place = {name: index for index, name in enumerate(scores.classes)}
    columns = [place.get(name) for name in classes]
    values = np.full((len(scores.scores), len(classes)), -1, dtype=np.float32)
    for index, column in enumerate(columns):
        if column is not None:
            values[:, index] = np.nan_to_num(scores.scores[:, column], nan=-1)
    # A cell without frames cannot be summed by reduceat, and counts nothing.
    filled = np.diff(scores.frames) > 0
    starts = scores.frames[:-1][filled]
    frames = np.add.reduceat(observed, starts, dtype=np.int64)
    true = np.add.reduceat(real, starts, axis=0, dtype=np.int64)
    return Levels(values[filled], frames, true)
