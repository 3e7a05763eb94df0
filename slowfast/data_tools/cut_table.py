"""From a table of events, or a folder of such tables, to the segments that are cut from videos.

`slowfast.data_tools.events` reads the tables. Here the events get their videos and their times on
the axis of these videos, overlapping events become stretches of constant classes, and segments for
validation are chosen if the table does not say. Everything is checked before anything is cut. One
error lists all mistakes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools.event_options import chosen_events, label_of
from slowfast.data_tools.events import (
    Coverage,
    Event,
    EventTable,
    Mistake,
    Place,
    ReadOptions,
    read_events,
)
from slowfast.data_tools.parallel import run_all
from slowfast.data_tools.segments.corrections import corrections_in, join_corrections, known_events
from slowfast.data_tools.segments.holdout import hold_out
from slowfast.data_tools.segments.media import VideoFacts, VideoFolder, folders_differ, probe
from slowfast.data_tools.segments.mistakes import first_mistakes, raise_mistakes
from slowfast.data_tools.segments.segment import Segment, stem_of
from slowfast.data_tools.segments.stretches import (
    Interval,
    gaps,
    groups_that_overlap,
    stretches,
)
from slowfast.utils.plural import count

SPLITS = ("train", "val", "test")
_ROUNDING = 0.5  # seconds that an interval can end after its video, because of rounded times
_POINTS_OF_A_CLASS = 5  # that are reported one by one
_UNIT_HINT = "; if the table has frame numbers or milliseconds, give --time-unit"
_OF_A_LENGTH = 0.01  # the share by which a stated length can differ from that of the video


@dataclass(frozen=True)
class SegmentOptions:
    """What is made of the events.

    Attributes:
        subjects: only events of these subjects; empty: all, united.
        observations: only events of these observations; empty: all.
        modifiers: whether modifiers are part of a class, as in ``walking|slow``.
        background: the class of the time without events; "": this time is not cut.
        point_length: seconds from the moment of a point event on that are cut for it; 0 leaves
            point events out; None: they are mistakes.
        rows: ``clips``: each row is a clip; ``events``: overlapping rows are cut into stretches;
            ``auto``: as the format and the columns say.
        min_seconds: shorter stretches are left out; the least is one frame.
        val_share: share of the time that is held out if the table has no splits.
        skip_mistakes: whether rows with mistakes are left out, instead of an error.
    """

    subjects: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    modifiers: bool = False
    background: str = ""
    point_length: float | None = None
    rows: str = "auto"
    min_seconds: float = 0.0
    val_share: float = 0.2
    skip_mistakes: bool = False


@dataclass
class CutPlan:
    """What will be cut.

    Attributes:
        facts: the properties of every video, by its path as in `Segment`.
        notes: what was decided or left out, in sentences for the user.
    """

    segments: list[Segment] = field(default_factory=list)
    facts: dict[str, VideoFacts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def plan_segments(
    table: Path,
    videos: Path,
    reading: ReadOptions | None = None,
    options: SegmentOptions | None = None,
    leave_out: Path | None = None,
    corrections: Path | None = None,
) -> CutPlan:
    """Reads a table and the properties of its videos, and returns the segments to cut.

    Args:
        table: a file of events, or a folder of such files.
        videos: the folder of the videos.
        leave_out: a folder below `videos` without videos of the table.
        corrections: likewise, events that a person corrected on predictions. They are added to the
            training segments; `segments.corrections` says how. Their videos can be elsewhere.

    Raises:
        UserError: the table cannot be read, or has mistakes; the text lists them all.
    """
    options = options or SegmentOptions()
    _check(options)
    folder = VideoFolder(videos, leave_out)
    planner = _Planner(read_events(table, reading), folder, options)
    plan = planner.plan()
    mistakes = planner.mistakes
    if corrections is not None:
        mistakes += _add_corrections(planner, read_events(corrections_in(corrections)))
    mistakes = sorted(mistakes, key=lambda mistake: mistake.place)
    if mistakes and not options.skip_mistakes:
        raise_mistakes(mistakes)
    if mistakes:
        plan.notes.append(f"{count(len(mistakes), 'mistake')}; these rows are left out:")
        plan.notes += [f"  {line}" for line in first_mistakes(mistakes)]
    if not plan.segments:
        raise UserError("\n".join([f"{table}: nothing is left to cut", *plan.notes]))
    return plan


def _add_corrections(planner: _Planner, corrected: EventTable) -> list[Mistake]:
    """Adds the segments of corrections to a plan, and returns the mistakes in the corrections."""
    for event in corrected.events:
        if event.split:
            raise UserError(
                f"{event.place}: has the split {event.split!r}, and corrections are for training; "
                "give tables with splits as the table of events"
            )
    corrected.events, unknown = known_events(corrected.events)
    if unknown:
        corrected.notes.append(
            f"corrections: {unknown:.1f} s of predicted bouts that nobody has looked at are left "
            "out; mark times as checked on the pages (C) to use them"
        )
    background = planner.options.background
    options = replace(
        planner.options, rows="events", background="", subjects=(), observations=(), modifiers=False
    )
    videos = VideoFolder(planner.folder.folder, planner.folder.leave_out, names_are_paths=True)
    other = _Planner(corrected, videos, options)
    segments = other.segments()
    if background:  # only in the time that was checked, so that the planner cannot add it
        segments = [s if s.labels else replace(s, labels=(background,)) for s in segments]
    plan, new = planner.plan_made, other.plan_made
    mistakes = [*other.mistakes, *_equal_clip_names(plan.segments, segments)]
    plan.facts |= new.facts
    plan.notes += new.notes
    joined, notes = join_corrections(plan.segments, segments)
    plan.notes += notes
    plan.segments = planner.long_enough(joined)
    return mistakes


def _equal_clip_names(own: Sequence[Segment], others: Sequence[Segment]) -> Iterator[Mistake]:
    """Yields the videos of `others` whose clips would be named like those of another video."""
    stems = {stem_of(segment.video): segment.video for segment in own}
    for segment in {segment.video: segment for segment in others}.values():
        other = stems.get(stem_of(segment.video), segment.video)
        if other != segment.video:
            yield Mistake(segment.place, _same_names(segment.video, other))


def _same_names(video: str, other: str) -> str:
    return f"clips of {video} and {other} would have the same names; rename one of them"


def class_names(segments: Sequence[Segment], order: str = "name") -> list[str]:
    """All labels of the table: sorted for the order "name", else in the order of first use."""
    names = list(dict.fromkeys(label for segment in segments for label in segment.labels))
    return sorted(names) if order == "name" else names


def _check(options: SegmentOptions) -> None:
    """Raises a UserError for a number that is out of range."""
    if not 0 <= options.val_share < 1:
        raise UserError(f"--val-share {options.val_share:g}: expected 0 up to less than 1")
    for name, value in (
        ("point-length", options.point_length),
        ("min-seconds", options.min_seconds),
    ):
        if value is not None and not 0 <= value < math.inf:
            raise UserError(f"--{name} {value:g}: expected seconds, 0 or more")


class _Planner:
    """Makes a plan from one table of events; `mistakes` are all that were found."""

    def __init__(self, found: EventTable, folder: VideoFolder, options: SegmentOptions):
        self.found, self.folder, self.options = found, folder, options
        self.mistakes: list[Mistake] = list(found.mistakes)
        self.plan_made = CutPlan(notes=list(found.notes))
        self._points: dict[str, list[Event]] = {}  # without a length, by class

    def plan(self) -> CutPlan:
        """Returns the plan; `self.mistakes` must be looked at too."""
        self.plan_made.segments = self._with_splits(self.segments())
        return self.plan_made

    def segments(self) -> list[Segment]:
        """Returns the segments, with the splits that the table gives; adds notes and mistakes."""
        made, options = self.plan_made, self.options
        events, coverage = chosen_events(
            self.found, self.options.subjects, self.options.observations
        )
        files = self._files(events, coverage)
        made.facts = self._facts(files)
        paths = {name: path for name, path in files.items() if path in made.facts}
        self._check_lengths(coverage, paths)
        timed = [
            interval
            for event in events
            if _video_of(event) in paths
            for interval in self._interval(event, paths[_video_of(event)])
        ]
        self._report_points()
        self.mistakes += _conflicts(timed)
        segments = self._clips(timed) if self._rows_are_clips else stretches(timed)
        if not self._rows_are_clips or options.background:
            segments += self._background(timed, coverage, paths)
            segments = self.long_enough(segments)
        self._summarise(events)
        return sorted(segments, key=lambda s: s.place)

    @property
    def _rows_are_clips(self) -> bool:
        auto = self.options.rows == "auto"
        return self.found.rows_are_clips if auto else self.options.rows == "clips"

    # ------------------------------------------------------------------ events and videos

    def _files(self, events: Sequence[Event], coverage: Sequence[Coverage]) -> dict[str, str]:
        """The file of each video, by its name in the table; a mistake for each that is missing."""
        rows = Counter(_video_of(event) for event in events)
        first: dict[str, Place] = {}
        wanted = [*events, *(coverage if self.options.background else ())]
        for one in wanted:
            first.setdefault(_video_of(one), one.place)
        files = {}
        for name, place in first.items():
            try:
                files[name] = self.folder.find(name)
            except UserError as error:
                more = f" ({rows[name]} events)" if rows[name] > 1 else ""
                self.mistakes.append(Mistake(place, f"{error}{more}"))
        stems: dict[str, str] = {}
        names: dict[str, str] = {}
        for name, path in files.items():
            other = stems.setdefault(stem_of(path), path)
            if other != path:
                self.mistakes.append(Mistake(first[name], _same_names(path, other)))
            twin = names.setdefault(path, name)
            if folders_differ(name, twin):
                text = f"{name} and {twin} can be different videos, and both would be {path}; put "
                text += "them into folders of these names, or write one name into the table"
                self.mistakes.append(Mistake(first[name], text))
        self._places = first
        return files

    def _facts(self, files: dict[str, str]) -> dict[str, VideoFacts]:
        """The properties of each file; mistakes for files that are no videos."""
        # The times of all frames of many long videos take much memory.
        by_frames = any(event.start is None for event in self.found.events) or any(
            one.frames is not None for one in self.found.coverage
        )

        def look(path: str) -> VideoFacts | UserError:
            try:
                facts = probe(self.folder.folder / path)
                return facts if by_frames else replace(facts, stamps=None)
            except UserError as error:
                return error

        names = {path: name for name, path in reversed(files.items())}
        facts = dict(zip(names, run_all(list(names), look, "reading videos"), strict=True))
        for path, found in facts.items():
            if isinstance(found, UserError):
                self.mistakes.append(Mistake(self._places[names[path]], str(found)))
        return {path: found for path, found in facts.items() if isinstance(found, VideoFacts)}

    def _check_lengths(self, coverage: Sequence[Coverage], paths: dict[str, str]) -> None:
        """Compares the lengths that the table states with those of the videos."""
        for one in coverage:
            path = paths.get(_video_of(one))
            if path is None:
                continue
            facts = self.plan_made.facts[path]
            near = max(_ROUNDING, _OF_A_LENGTH * facts.seconds)
            if one.frames is not None and abs(one.frames - facts.frames) > max(
                2, _OF_A_LENGTH * facts.frames
            ):
                self.mistakes.append(
                    Mistake(
                        one.place,
                        f"has labels of {one.frames} frames, but {path} has {facts.frames}; "
                        "expected one label for each frame of the video",
                    )
                )
            if one.seconds is None or abs(one.seconds - facts.seconds) <= near:
                continue
            states = (
                f"states a length of {one.seconds:g} s for {path}, which is {facts.seconds:.2f}"
            )
            if one.several_files and one.seconds > facts.seconds:
                self.mistakes.append(
                    Mistake(
                        one.place,
                        f"{states} s long. It is another video, or the observation had several "
                        "files in a row, and this older form of the table does not say when each "
                        "began; then give the BORIS project (.boris), or export the table with a "
                        "newer BORIS",
                    )
                )
            else:
                self.plan_made.notes.append(f"{one.place}: {states} s long; is it the same video?")

    # ------------------------------------------------------------------ times

    def _interval(self, event: Event, path: str) -> Iterator[Interval]:
        """Yields the event on the axis of its video; nothing if it is left out or a mistake."""
        facts = self.plan_made.facts[path]
        try:
            start, stop = self._times(event, path, facts)
            stop = facts.seconds if math.isinf(stop) else stop
            if start == stop:
                if self.options.point_length is None:
                    self._points.setdefault(event.label, []).append(event)
                if not self.options.point_length:
                    return
                stop = start + self.options.point_length
                if start < facts.seconds:
                    stop = min(stop, facts.seconds)
            if stop > facts.seconds + _ROUNDING or start >= facts.seconds:
                hint = "" if start < facts.seconds or not start.is_integer() else _UNIT_HINT
                raise UserError(
                    f"{start:g} to {stop:g} s, but {path} is {facts.seconds:.2f} s long{hint}"
                )
        except UserError as error:
            self.mistakes.append(Mistake(event.place, str(error)))
            return
        label = label_of(event, self.options.modifiers)
        yield Interval(event.place, path, label, start, min(stop, facts.seconds), event.split)

    def _report_points(self) -> None:
        """Adds the events without a length to the mistakes; of many of a class, the first ones."""
        for label, events in self._points.items():
            for event in events[:_POINTS_OF_A_CLASS]:
                what = "is a point event" if event.point else "starts and stops at the same time"
                when = f" at {event.start:g} s" if event.start is not None else ""
                more = len(events) - _POINTS_OF_A_CLASS
                last = more > 0 and event is events[_POINTS_OF_A_CLASS - 1]
                also = f"; so are {more} more of this class" if last else ""
                self.mistakes.append(
                    Mistake(
                        event.place,
                        f"{label or 'the row'} {what}{when}, without a length{also}; "
                        "--point-length S cuts S seconds from there on, --point-length 0 leaves "
                        "such events out",
                    )
                )

    def _times(self, event: Event, path: str, facts: VideoFacts) -> tuple[float, float]:
        """The start and the end in seconds.

        Raises:
            UserError: the video has no such frames.
        """
        if event.start is not None and event.stop is not None:
            return event.start, event.stop
        first, stop = event.first_frame or 0, event.stop_frame or 0
        if event.rate:
            return first / event.rate, stop / event.rate
        most = facts.frames + max(2, int(_OF_A_LENGTH * facts.frames))
        if stop > most or first >= facts.frames:
            raise UserError(f"frames {first} to {stop}, but {path} has {facts.frames} frames")
        return facts.time_of(first), facts.time_of(min(stop, facts.frames))

    # ------------------------------------------------------------------ segments

    def _clips(self, timed: Sequence[Interval]) -> list[Segment]:
        """One segment for each row; rows that overlap with other classes become stretches."""
        rows: dict[tuple[Place, str, float], list[Interval]] = {}
        for one in timed:
            rows.setdefault((one.place, one.video, one.start), []).append(one)
        segments = [_row(group) for group in rows.values()]
        self.mistakes += _repeated(segments)
        if self.options.rows == "clips":
            return segments
        kept, mixed = [], []
        for group in groups_that_overlap(segments):
            same = len({frozenset(segment.labels) for segment in group}) == 1
            (kept if same else mixed).extend(group)
        if mixed:
            places = {(segment.place, segment.video) for segment in mixed}
            parts = stretches(one for one in timed if (one.place, one.video) in places)
            first = mixed[1].place.beside(mixed[0].place)
            self.plan_made.notes.append(
                f"{mixed[0].place}: {len(mixed)} rows overlap and have different labels (the next "
                f"is {first}); they are cut into {len(parts)} stretches, each with the labels of "
                "its time; --rows clips cuts every row as it is"
            )
            kept += self.long_enough(parts)
        return kept

    def _background(
        self, timed: Sequence[Interval], coverage: Sequence[Coverage], paths: dict[str, str]
    ) -> list[Segment]:
        """The time of each video in which nothing was labelled, as segments of a class."""
        if not self.options.background:
            return []
        covered: dict[str, list[Interval]] = {path: [] for path in paths.values()}
        for one in timed:
            covered[one.video].append(one)
        place_of = {path: self._places[name] for name, path in paths.items()}
        segments = []
        for path, there in covered.items():
            facts, spans, unknown, split = self.plan_made.facts[path], [], [], ""
            for one in coverage:
                if paths.get(_video_of(one)) == path:
                    begin, end = one.span or (0.0, facts.seconds)
                    spans.append((begin, min(end, facts.seconds)))
                    split = one.split
                    unknown += [
                        (facts.time_of(a), facts.time_of(min(b, facts.frames)))
                        for a, b in one.unknown
                    ]
            taken = [(one.start, one.stop) for one in there] + unknown
            for start, end in gaps(taken, spans or [(0.0, facts.seconds)]):
                side = _split_beside(there, start, end, split)
                if side is not None:
                    place = there[0].place if there else place_of[path]
                    segments.append(
                        Segment(place, path, start, end, side, (self.options.background,))
                    )
        return segments

    def long_enough(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments without those shorter than a frame, or than the user allows."""
        kept, short = [], []
        for segment in segments:
            frame = 0.999 / float(self.plan_made.facts[segment.video].fps)
            enough = segment.seconds >= max(self.options.min_seconds, frame)
            (kept if enough else short).append(segment)
        if short:
            self.plan_made.notes.append(
                f"{count(len(short), 'stretch', 'es')} shorter than "
                + (f"{self.options.min_seconds:g} s" if self.options.min_seconds else "a frame")
                + f" left out, {sum(s.seconds for s in short):.2f} s together"
            )
        return kept

    def _with_splits(self, segments: list[Segment]) -> list[Segment]:
        """The segments with a split each: as the table says, or by holding some out.

        Raises:
            UserError: the table gives a split for some of them only.
        """
        without = [segment for segment in segments if not segment.split]
        if not without:
            splits = {segment.split for segment in segments}
            if "test" in splits and "val" not in splits:
                self.plan_made.notes.append(
                    "the table has the split test and no validation; val.csv, which this data set "
                    "tests on, lists the segments of test"
                )
                return [replace(s, split="val") if s.split == "test" else s for s in segments]
            return segments
        if len(without) < len(segments):
            raise UserError(
                f"{without[0].place}: has no split, and other rows have one; give a split to each "
                "row, or to none"
            )
        segments, words = hold_out(segments, self.options.val_share)
        self.plan_made.notes.append(words)
        return segments

    # ------------------------------------------------------------------ notes

    def _summarise(self, events: Sequence[Event]) -> None:
        """Adds notes on what was united and what was left out."""
        notes, options = self.plan_made.notes, self.options
        subjects = sorted({event.subject for event in events} - {""})
        if len(subjects) > 1 and not options.subjects:
            names = ", ".join(subjects[:5]) + (", ..." if len(subjects) > 5 else "")
            notes.append(
                f"a clip has the classes of all {len(subjects)} subjects ({names}); "
                "--subject NAME takes one"
            )
        coded: dict[str, set[str]] = {}
        for event in events:
            coded.setdefault(event.video, set()).add(event.observation)
        for video, names in coded.items():
            if len(names) > 1:
                notes.append(
                    f"{video} has events of {len(names)} observations, which are united; "
                    "--observation NAME takes one"
                )
        if any(event.modifiers for event in events) and not options.modifiers:
            notes.append("modifiers are not part of the classes; --modifiers makes them so")
        points = sum(event.point for event in events)
        if points and options.point_length == 0:
            notes.append(f"{count(points, 'point event')} left out")
        background = self.found.background
        if background and not options.background:
            notes.append(
                f"time of the class {background!r} alone is not cut; --background {background} "
                "makes it a class"
            )
        used = {event.label for event in events}
        unused = [n for n in self.found.classes if n not in used and n not in ("", background)]
        if unused:
            notes.append(f"classes without an event: {', '.join(unused)}")


def _video_of(one: Event | Coverage) -> str:
    """The name of the video in the table; the observation stands for a video that is not named."""
    return one.video or one.observation


def _row(group: Sequence[Interval]) -> Segment:
    first = group[0]
    labels = tuple(dict.fromkeys(one.label for one in group if one.label))
    return Segment(first.place, first.video, first.start, first.stop, first.split, labels)


def _split_beside(there: Sequence[Interval], start: float, end: float, own: str) -> str | None:
    """The split of the time between two events; None between events of different splits."""
    before = [one for one in there if one.stop <= start]
    after = [one for one in there if one.start >= end]
    sides = {max(before, key=lambda one: one.stop).split} if before else set()
    sides |= {min(after, key=lambda one: one.start).split} if after else set()
    if len(sides) > 1:
        return None
    return sides.pop() if sides else own


def _repeated(segments: Iterable[Segment]) -> Iterator[Mistake]:
    """Yields the rows that are the same segment, with the same labels, as an earlier row."""
    taken: dict[tuple[str, frozenset[str]], Segment] = {}
    for segment in segments:
        earlier = taken.setdefault((segment.name, frozenset(segment.labels)), segment)
        if earlier is not segment:
            at = earlier.place.beside(segment.place)
            yield Mistake(segment.place, f"is the same segment of {segment.video} as {at}")


def _conflicts(timed: Sequence[Interval]) -> Iterator[Mistake]:
    """Yields the rows that contradict other rows."""
    spelled: dict[str, str] = {}
    for one in timed:
        other = spelled.setdefault(one.label.casefold(), one.label)
        if other != one.label:
            text = f"label {one.label!r} is spelled {other!r} in an earlier row; use one spelling"
            yield Mistake(one.place, text)
    latest: dict[tuple[str, str], Interval] = {}  # the last end so far, by video and split
    reported: set[Place] = set()
    for one in sorted(timed, key=lambda one: (one.video, one.start)):
        for split in SPLITS:
            other = latest.get((one.video, split))
            if split == one.split or other is None or one.start >= other.stop:
                continue
            if one.place not in reported:
                reported.add(one.place)
                yield Mistake(
                    one.place,
                    f"overlaps {other.place.beside(one.place)}, which is in {other.split}; "
                    "training, validation and test must not share frames",
                )
        mine = latest.get((one.video, one.split))
        if mine is None or one.stop > mine.stop:
            latest[one.video, one.split] = one
