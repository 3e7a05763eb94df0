"""The time budget of a video: how long, how often and in how long bouts it shows each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slowfast.ethograms.scores import Bout, VideoScores


@dataclass(frozen=True)
class BudgetRow:
    """The time of one class.

    Attributes:
        video: the path of the video; "" for all videos together.
        seconds: the sum of its bouts.
        share: of the time that was scored, from 0 to 1; None if nothing was scored.
        bouts: their number.
        mean_seconds, longest_seconds: of its bouts; None if there is no bout.
    """

    video: str
    label: str
    seconds: float
    share: float | None
    bouts: int
    mean_seconds: float | None
    longest_seconds: float | None


def scored_seconds(video: VideoScores) -> float:
    """Returns the length of the part of a video that has scores."""
    scored = ~np.isnan(video.scores).any(axis=1)
    return float(np.diff(video.times)[scored].sum())


def time_budget(
    bouts: Sequence[Bout], classes: Sequence[str], scored: float, video: str = ""
) -> list[BudgetRow]:
    """Returns one row for each class, in the order of the classes.

    Args:
        bouts: of one video, or of several together.
        scored: seconds that were scored, of all these videos.
        video: the path for the rows.
    """
    lengths: dict[str, list[float]] = {name: [] for name in classes}
    for bout in bouts:
        lengths[bout.label].append(bout.stop - bout.start)
    rows = []
    for name, own in lengths.items():
        total = sum(own)
        share = total / scored if scored else None
        mean, longest = (total / len(own), max(own)) if own else (None, None)
        rows.append(BudgetRow(video, name, total, share, len(own), mean, longest))
    return rows
