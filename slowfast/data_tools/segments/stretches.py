"""Events that overlap become stretches in which the set of classes is constant.

A clip has the classes of its whole stretch. If each event were a clip of its own, a clip would lack
the classes of the other events at the same time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slowfast.data_tools.events import Place
from slowfast.data_tools.segments.segment import Segment


@dataclass(frozen=True)
class Interval:
    """A time of a video in which a class occurs; the class "" states that none occurs."""

    place: Place
    video: str
    label: str
    start: float
    stop: float
    split: str = ""


def stretches(intervals: Iterable[Interval]) -> list[Segment]:
    """Divides the time of each video where classes change; bouts of one class that touch are one.

    Intervals of different splits stay apart.

    Returns:
        Segments in the order of videos, splits and times; each with at least one interval.
    """
    groups: dict[tuple[str, str], list[Interval]] = {}
    for interval in intervals:
        groups.setdefault((interval.video, interval.split), []).append(interval)
    return [segment for group in groups.values() for segment in _of_group(group)]


def _of_group(group: Sequence[Interval]) -> Iterator[Segment]:
    """Yields the stretches of one video and split, in time order."""
    in_time = sorted(group, key=lambda one: (one.start, one.stop))
    edges = sorted({edge for one in group for edge in (one.start, one.stop)})
    begun: Segment | None = None
    active: list[Interval] = []
    waiting = 0
    for start, stop in itertools.pairwise(edges):
        active = [one for one in active if one.stop > start]
        while waiting < len(in_time) and in_time[waiting].start <= start:
            active.append(in_time[waiting])
            waiting += 1
        labels = tuple(sorted({one.label for one in active} - {""}))
        if begun and active and begun.end == start and begun.labels == labels:
            begun = Segment(begun.place, begun.video, begun.start, stop, begun.split, labels)
            continue
        if begun:
            yield begun
        first = active[0] if active else None
        begun = first and Segment(first.place, first.video, start, stop, first.split, labels)
    if begun:
        yield begun


def gaps(
    covered: Iterable[tuple[float, float]], spans: Iterable[tuple[float, float]]
) -> list[tuple[float, float]]:
    """The parts of `spans` that are in no interval of `covered`, in time order."""
    found = []
    taken = sorted(covered)
    for begin, end in _united(spans):
        at = begin
        for start, stop in taken:
            if start >= end:
                break
            if start > at:
                found.append((at, start))
            at = max(at, stop)
        if at < end:
            found.append((at, end))
    return found


def groups_that_overlap(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments of each video and split, in groups that overlap, directly or through others."""
    found: list[list[Segment]] = []
    end = 0.0
    for segment in sorted(segments, key=lambda s: (s.video, s.split, s.start, s.end)):
        last = found[-1][-1] if found else None
        same = last and (last.video, last.split) == (segment.video, segment.split)
        if same and segment.start < end:
            found[-1].append(segment)
            end = max(end, segment.end)
        else:
            found.append([segment])
            end = segment.end
    return found


def _united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans without overlaps, in time order."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
