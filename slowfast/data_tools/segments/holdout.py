"""Chooses the segments for validation where a table has no splits.

Whole videos are held out where there are several, because clips of one video look alike. Videos in
which one event goes on are one unit. Of a single unit, its end is held out. The choice is the same
for the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slowfast.data_tools.events import Place
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
    if share <= 0:
        return [replace(s, split="train") for s in segments], "no segment is held out"
    units = _units(segments)
    if len(set(units.values())) > 1:
        held_out = _some_units(segments, units, share)
        chosen = {s for s in segments if units[s.video] in held_out}
        names = sorted({s.video for s in chosen})
        some = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        what = f"{len(names)} of {len(units)} videos ({some})"
    else:
        chosen, first = _the_end(segments, list(units), share)
        if first is None:
            return (
                [replace(s, split="train") for s in segments],
                "no split in the table: nothing can be held out for validation, because there is "
                "one video with one stretch; label more, or give splits with a column split",
            )
        what = f"the segments of {first.video} from {first.start:g} s on"
    part = sum(s.seconds for s in chosen) / sum(s.seconds for s in segments)
    words = f"no split in the table: held out for validation: {what}, {part:.0%} of the time"
    splits = [replace(s, split="val" if s in chosen else "train") for s in segments]
    return splits, f"{words}; --val-share gives another share, and a column split decides by hand"


def _units(segments: Sequence[Segment]) -> dict[str, int]:
    """The number of the unit of each video. Videos belong together if an event goes on from one
    to the other, as in files that were recorded in a row.
    """
    units: dict[str, int] = {}
    at: dict[Place, str] = {}
    for segment in segments:
        unit = units.setdefault(segment.video, len(units))
        other = units[at.setdefault(segment.place, segment.video)]
        if other != unit:
            units = {video: other if old == unit else old for video, old in units.items()}
    return units


def _some_units(segments: Sequence[Segment], units: dict[str, int], share: float) -> set[int]:
    """Some units, but not all, with about this share of the time of each class and in total.

    A class that is in several units should be on both sides, and a class of one unit in training.
    Units change sides one at a time as long as that makes the choice better.
    """
    rows = {unit: row for row, unit in enumerate(dict.fromkeys(units.values()))}
    labels = sorted({label for segment in segments for label in segment.labels})
    columns = {label: column for column, label in enumerate(labels)}
    seconds = np.zeros((len(rows), len(labels) + 1))  # the last column is the time in total
    for segment in segments:
        row = rows[units[segment.video]]
        seconds[row, -1] += segment.seconds
        for label in segment.labels:
            seconds[row, columns[label]] += segment.seconds
    parts = seconds / seconds.sum(axis=0)
    in_several = (seconds[:, :-1] > 0).sum(axis=0) > 1
    held_out = np.zeros(len(rows), dtype=bool)
    best = np.inf
    while True:
        # The shares that would be held out if one unit changed its side, for each unit.
        sign = np.where(held_out, -1, 1)
        held = parts[held_out].sum(axis=0) + sign[:, None] * parts
        of_classes = held[:, :-1]
        away = (of_classes > 1 - 1e-9) | (in_several & (of_classes < 1e-9))
        costs = _NOT_ON_BOTH_SIDES * away.sum(axis=1) + np.abs(held[:, -1] - share)
        if labels:
            costs += np.abs(of_classes - share).mean(axis=1)
        sizes = held_out.sum() + sign
        costs[(sizes == 0) | (sizes == len(rows))] = np.inf
        if costs.min() >= best - 1e-12:
            return {unit for unit, held in zip(rows, held_out, strict=True) if held}
        best = costs.min()
        held_out[costs.argmin()] ^= True


def _the_end(
    segments: Sequence[Segment], videos: Sequence[str], share: float
) -> tuple[set[Segment], Segment | None]:
    """The last stretches of videos in a row, with about this share of the time.

    Overlapping segments stay together, and those of an event that goes on in the next video. A cut
    in a gap is better than one between stretches that touch, where a bout can go on.

    Returns:
        The segments and the first of them; nothing and None if there is one stretch.
    """
    groups = groups_that_overlap(segments)
    groups.sort(key=lambda group: (videos.index(group[0].video), group[0].start))
    joined: list[list[Segment]] = []
    for group in groups:
        before = joined[-1] if joined else []
        goes_on = {s.place for s in before if s.video != group[0].video}
        if goes_on & {s.place for s in group}:
            before += group
        else:
            joined.append(group)
    seconds = np.array([sum(segment.seconds for segment in group) for group in joined])
    later = seconds[::-1].cumsum()[::-1] / seconds.sum()  # the share from each group on

    def cost(number: int) -> float:
        first = joined[number][0]
        ends = [s.end for s in joined[number - 1] if s.video == first.video]
        touches = bool(ends) and first.start <= max(ends)
        return abs(later[number] - share) + _WITHOUT_A_GAP * touches

    if len(joined) < 2:
        return set(), None
    best = min(range(1, len(joined)), key=cost)
    return {segment for group in joined[best:] for segment in group}, joined[best][0]
