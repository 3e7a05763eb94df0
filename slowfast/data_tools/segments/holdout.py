"""Chooses the segments for validation where a table has no splits.

Whole videos are held out where there are several, because clips of one video look alike. Of a
single video, its end is held out. The choice is the same for the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slowfast.data_tools.segments.segment import Segment
from slowfast.data_tools.segments.stretches import groups_that_overlap

_MOST_NAMES = 5
_WITHOUT_A_GAP = 0.3  # what a cut between stretches that touch costs, in shares of the time
_NOT_ON_BOTH_SIDES = 10.0  # what a class costs that only one side has, in shares of its time


def hold_out(segments: Sequence[Segment], share: float) -> tuple[list[Segment], str]:
    """Gives each segment a split.

    Args:
        share: of the time of the segments that is held out, from 0 up to, and without, 1.

    Returns:
        The segments with splits, in the same order, and a sentence that says what was done.
    """
    videos = sorted({segment.video for segment in segments})
    option = "--val-share gives another share, and a column split decides by hand"
    if share <= 0:
        return [replace(s, split="train") for s in segments], "no segment is held out"
    if len(videos) > 1:
        held_out = _some_videos(segments, videos, share)
        chosen = {s for s in segments if s.video in held_out}
        names = ", ".join(held_out[:_MOST_NAMES]) + (", ..." if len(held_out) > _MOST_NAMES else "")
        what = f"{len(held_out)} of {len(videos)} videos ({names})"
    else:
        chosen = _the_end(segments, share)
        if not chosen:
            return (
                [replace(s, split="train") for s in segments],
                "no split in the table: nothing can be held out for validation, because there is "
                "one video with one stretch; label more, or give splits with a column split",
            )
        what = f"the segments of {videos[0]} from {min(s.start for s in chosen):g} s on"
    part = sum(s.seconds for s in chosen) / sum(s.seconds for s in segments)
    words = f"no split in the table: held out for validation: {what}, {part:.0%} of the time"
    splits = [replace(s, split="val" if s in chosen else "train") for s in segments]
    return splits, f"{words}; {option}"


def _some_videos(segments: Sequence[Segment], videos: list[str], share: float) -> list[str]:
    """Some videos, but not all, with about this share of the time of each class and in total.

    A class that is in several videos should be on both sides, and a class of one video in training.
    Videos change sides one at a time as long as that makes the choice better.
    """
    rows = {video: row for row, video in enumerate(videos)}
    labels = sorted({label for segment in segments for label in segment.labels})
    columns = {label: column for column, label in enumerate(labels)}
    seconds = np.zeros((len(videos), len(labels) + 1))  # the last column is the time in total
    for segment in segments:
        seconds[rows[segment.video], -1] += segment.seconds
        for label in segment.labels:
            seconds[rows[segment.video], columns[label]] += segment.seconds
    parts = seconds / seconds.sum(axis=0)
    in_several = (seconds[:, :-1] > 0).sum(axis=0) > 1
    held_out = np.zeros(len(videos), dtype=bool)
    best = np.inf
    while True:
        # The shares that would be held out if one video changed its side, for each video.
        sign = np.where(held_out, -1, 1)
        held = parts[held_out].sum(axis=0) + sign[:, None] * parts
        of_classes = held[:, :-1]
        away = (of_classes > 1 - 1e-9) | (in_several & (of_classes < 1e-9))
        costs = _NOT_ON_BOTH_SIDES * away.sum(axis=1) + np.abs(held[:, -1] - share)
        if labels:
            costs += np.abs(of_classes - share).mean(axis=1)
        sizes = held_out.sum() + sign
        costs[(sizes == 0) | (sizes == len(videos))] = np.inf
        if costs.min() >= best - 1e-12:
            return [video for video, held in zip(videos, held_out, strict=True) if held]
        best = costs.min()
        held_out[costs.argmin()] ^= True


def _the_end(segments: Sequence[Segment], share: float) -> set[Segment]:
    """The last stretches of a video, with about this share of the time; overlapping ones together.

    A cut in a gap is better than one between stretches that touch, where a bout can go on. Empty
    if there is one stretch.
    """
    groups = groups_that_overlap(segments)
    seconds = np.array([sum(segment.seconds for segment in group) for group in groups])
    later = seconds[::-1].cumsum()[::-1] / seconds.sum()  # the share from each group on

    def cost(first: int) -> float:
        touches = groups[first][0].start <= max(segment.end for segment in groups[first - 1])
        return abs(later[first] - share) + _WITHOUT_A_GAP * touches

    if len(groups) < 2:
        return set()
    best = min(range(1, len(groups)), key=cost)
    return {segment for group in groups[best:] for segment in group}
