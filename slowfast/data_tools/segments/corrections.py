"""Joins the segments that a data set was made from with the corrections of a prediction.

Of a video with predicted bouts that nobody has looked at, only two kinds of time are known: times
that a person has checked, in which bouts that were left as they are count too and time without a
bout shows no class; and the times of bouts that the person accepted, moved or added, where no bout
overlaps that nobody has looked at. A rejected bout is in no table: it says that one class is
absent, and nothing of the others, and the lists of clips have no word for classes that are not
known. Its time counts where it was checked too.

Corrections are training data. Segments for validation and test stay as they were, so that figures
before and after can be compared: corrections of the same time, and of a video that is held out as a
whole, are left out. In the time of training segments the corrections replace them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import Event
from slowfast.data_tools.segments.segment import Segment
from slowfast.data_tools.segments.stretches import gaps
from slowfast.utils.plural import count

FOLDER = "corrections"  # below the folder of a prediction


def corrections_in(path: Path) -> Path:
    """Returns the file or folder of corrections that a user names, or means by a prediction.

    Raises:
        UserError: it is the folder of a prediction without corrections.
    """
    if (path / FOLDER).is_dir():
        return path / FOLDER
    if (path / "windows.csv").is_file():
        raise UserError(
            f"--corrections {path}: is a prediction without corrections; tools/review.py keeps "
            "them there, or name the files that you downloaded from the pages"
        )
    return path


def known_events(events: Sequence[Event]) -> tuple[list[Event], float]:
    """Returns the events in the times of their videos that a person knows, cut to these times.

    Returns:
        The events, and the seconds of bouts that were left out since nobody has looked at them.
    """
    by_video: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_video[event.video].append(event)
    found, unknown = [], 0.0
    for own in by_video.values():
        if all(event.looked_at for event in own):
            found += own
            continue
        checked = _spans(event for event in own if not event.label)
        unseen = _spans(event for event in own if not event.looked_at)
        seen = _spans(event for event in own if event.looked_at and event.label)
        known = gaps(gaps(checked + gaps(unseen, seen), [(0.0, inf)]), [(0.0, inf)])
        for event in own:
            parts = gaps(gaps(known, [(0.0, inf)]), _spans([event]))
            found += [_cut(event, *part) for part in parts]
            if event.label:
                unknown += event.stop - event.start - sum(stop - start for start, stop in parts)
    return found, unknown


def _spans(events: Iterable[Event]) -> list[tuple[float, float]]:
    return [(event.start, event.stop) for event in events]


def _cut(event: Event, start: float, stop: float) -> Event:
    """The part of an event with times in seconds."""
    if (start, stop) == (event.start, event.stop):
        return event
    return replace(event, start=start, stop=stop, first_frame=None, stop_frame=None)


def join_corrections(
    segments: Sequence[Segment], corrected: Sequence[Segment]
) -> tuple[list[Segment], list[str]]:
    """Returns all segments, those of the corrections for training, and notes on what was decided.

    Args:
        segments: with their splits.
        corrected: stretches of constant classes, without overlaps; their splits do not count. Those
            without a class are left out if each of `segments` has exactly one class.
    """
    sides: dict[str, set[bool]] = defaultdict(set)
    held_out: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for segment in segments:
        sides[segment.video].add(segment.split == "train")
        if segment.split != "train":
            held_out[segment.video].append((segment.start, segment.end))
    one_label = bool(segments) and all(len(segment.labels) == 1 for segment in segments)
    used, unnamed = [], 0.0
    for segment in corrected:
        if sides[segment.video] == {False}:
            continue
        for part in _outside(segment, held_out[segment.video]):
            if one_label and not part.labels:
                unnamed += part.seconds
            else:
                used.append(replace(part, split="train"))
    checked: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for segment in corrected:
        checked[segment.video].append((segment.start, segment.end))
    kept = []
    for segment in segments:
        spans = checked[segment.video] if segment.split == "train" else ()
        kept += _outside(segment, spans)
    notes = _notes(segments, corrected, kept, used, unnamed)
    return kept + used, notes


def _outside(segment: Segment, spans: Sequence[tuple[float, float]]) -> list[Segment]:
    """The parts of a segment that are in no span."""
    parts = gaps(spans, [(segment.start, segment.end)])
    if parts == [(segment.start, segment.end)]:
        return [segment]
    return [replace(segment, start=start, end=end) for start, end in parts]


def _notes(
    segments: Sequence[Segment],
    corrected: Sequence[Segment],
    kept: Sequence[Segment],
    used: Sequence[Segment],
    unnamed: float,
) -> list[str]:
    videos = count(len({segment.video for segment in used}), "video")
    notes = [f"corrections: {_seconds(used):.1f} s of {videos} are added to the training"]
    if replaced := _seconds(segments) - _seconds(kept):
        notes.append(f"corrections: {replaced:.1f} s of earlier training segments are replaced")
    lost = _seconds(corrected) - _seconds(used) - unnamed
    if lost > 1e-6:
        notes.append(
            f"corrections: {lost:.1f} s are left out, because the same time, or the whole video, "
            "is held out for validation or test"
        )
    if unnamed:
        notes.append(
            f"corrections: {unnamed:.1f} s without a class are left out, because each earlier clip "
            "has exactly one class"
        )
    return notes


def _seconds(segments: Sequence[Segment]) -> float:
    return sum(segment.seconds for segment in segments)
