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
_NOT_ON_BOTH_SIDES = 10.0  # what a class costs that only one side has, in shares of its time


def hold_out(segments: Sequence[Segment], share: float) -> tuple[list[Segment], str]:
    """Gives each segment a split.

    Args:
        share: of the time of the segments that is held out, from 0 up to, and without, 1.

    Returns:
        The segments with splits, in the same order, and a sentence that says what was done.
    """
    videos = sorted({segment.video for segment in segments})
    option = "another share is given with --val-share, splits with a column split"
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
    labels = sorted({label for segment in segments for label in segment.labels})
    seconds = np.zeros((len(videos), len(labels) + 1))  # the last column is the time in total
    for segment in segments:
        at = videos.index(segment.video)
        seconds[at, -1] += segment.seconds
        for label in segment.labels:
            seconds[at, labels.index(label)] += segment.seconds
    parts = seconds / seconds.sum(axis=0)
    in_several = (seconds[:, :-1] > 0).sum(axis=0) > 1

    def cost(side: np.ndarray) -> float:
        held = parts[side].sum(axis=0)
        away = (held[:-1] > 1 - 1e-9) | (in_several & (held[:-1] <= 0))
        spread = np.abs(held[:-1] - share).mean() if labels else 0.0
        return _NOT_ON_BOTH_SIDES * away.sum() + spread + abs(held[-1] - share)

    side = np.zeros(len(videos), dtype=bool)
    best = np.inf
    while True:
        tries = []
        for at in range(len(videos)):
            side[at] ^= True
            if 0 < side.sum() < len(videos):
                tries.append((cost(side), at))
            side[at] ^= True
        if not tries or min(tries)[0] >= best - 1e-12:
            return [video for video, held in zip(videos, side, strict=True) if held]
        best, at = min(tries)
        side[at] ^= True


def _the_end(segments: Sequence[Segment], share: float) -> set[Segment]:
    """The last stretches of a video, with about this share of the time; overlapping ones together.

    Empty if there is one stretch.
    """
    groups = groups_that_overlap(segments)
    seconds = np.array([sum(segment.seconds for segment in group) for group in groups])
    later = seconds[::-1].cumsum()[::-1] / seconds.sum()  # the share from each group on
    if len(groups) < 2:
        return set()
    first = 1 + int(np.abs(later[1:] - share).argmin())
    return {segment for group in groups[first:] for segment in group}
