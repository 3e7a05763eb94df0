"""Projects of BORIS, written: a `.boris` file that BORIS 8 and later opens.

BORIS needs, for each video, its length and its rate, and pairs the ends of bouts by their order in
time. So bouts of one subject, class and modifiers may not overlap: those that do are united. A
behaviour is of the kind point or of the kind state: in a class with both, points become bouts of
one frame. The file is ASCII, because BORIS reads it in the encoding of the computer.
"""

from __future__ import annotations

import datetime
import gzip
import itertools
import json
import os
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowfast.data_tools.events import Event
from slowfast.data_tools.exchange.film import Film, bouts_only, classes_of, comment_of, united
from slowfast.data_tools.exchange.observations import Observation, modifier_text, observations
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import FEATURES, add_writer, put

_KEYS = string.ascii_lowercase + string.digits + string.ascii_uppercase
_NOT_IN_MODIFIERS = set("(|)`~")
_VERSION = "7.0"  # the oldest form that BORIS 10 opens, and the one that it writes for videos


def write_boris_project(
    films: Sequence[Film],
    classes: Sequence[str],
    path: Path,
    report: Report | None = None,
) -> list[Path]:
    """Writes a project with an observation for each film, or for each group played together.

    A film needs a name, events with seconds or frames, and its length and rate, for example

        Film("fox.mp4", [Event(place, "fox.mp4", "walking", 1.0, 2.5)], file=Path("fox.mp4"),
             seconds=10.0, rate=25.0)

    Args:
        classes: become behaviours in this order, used or not; then those that only events have.
        path: ends in .boris, or in .boris.gz for a packed file. Media that lie below its folder
            are named relative to it, others in full, if `Film.file` says where they are.
        report: gets what a project cannot hold.

    Returns:
        The path.

    Raises:
        UserError: a time is not known, or the file cannot be written.
    """
    report = report or Report()
    found = observations(films, report)
    kinds = {one: _Behaviour(one) for one in classes_of(films, classes)}
    kept = {}
    for one in found:
        for event in one.events:
            if event.label:
                kinds[event.label].add(event)
    for one in found:
        kept[one.name] = _events(one, kinds, report)
    media = {film.name: _media_path(film, path) for film in films}
    subjects = dict.fromkeys(event.subject for one in found for event in one.events)
    subjects.pop("", None)
    now = datetime.datetime.now().isoformat(timespec="seconds")
    project = {
        "time_format": "s",
        "project_date": now,
        "project_name": path.name.removesuffix(".gz").removesuffix(".boris"),
        "project_description": "",
        "project_format_version": _VERSION,
        "subjects_conf": _numbered(
            {"key": key, "name": name, "description": ""}
            for key, name in zip(_shortcuts(len(subjects)), subjects, strict=True)
        ),
        "behaviors_conf": _numbered(
            kind.as_dict(key)
            for key, kind in zip(_shortcuts(len(kinds)), kinds.values(), strict=True)
        ),
        "observations": {one.name: _observation(one, kept[one.name], media) for one in found},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    data = json.dumps(project, indent=1).encode("ascii")
    return [put(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)]


@dataclass
class _Behaviour:
    """A class as a behaviour of a project."""

    name: str
    has_points: bool = False
    has_bouts: bool = False

    def __post_init__(self):
        self.sets: list[dict[str, None]] = []  # the modifiers of each set
        self.several: set[int] = set()  # sets of which events have several modifiers at once

    def add(self, event: Event) -> None:
        """Takes in what an event shows of its class."""
        self.has_points |= event.point
        self.has_bouts |= not event.point
        for number, modifier in enumerate(event.modifiers):
            if number == len(self.sets):
                self.sets.append({})
            if "," in modifier:
                self.several.add(number)
            if modifier:
                self.sets[number].update(dict.fromkeys(modifier.split(",")))

    @property
    def is_point(self) -> bool:
        """Whether it is of BORIS's kind "Point event"."""
        return self.has_points and not self.has_bouts

    def as_dict(self, key: str) -> dict[str, Any]:
        """The entry of behaviors_conf."""
        sets = [
            # Type 1 allows several modifiers at once, type 0 only one.
            {
                "name": f"set {number + 1}",
                "type": int(number in self.several),
                "values": list(values),
            }
            for number, values in enumerate(self.sets)
        ]
        return {
            "type": "Point event" if self.is_point else "State event",
            "key": key,
            "code": self.name,
            "description": "",
            "color": "",
            "category": "",
            "modifiers": _numbered(sets),
            "excluded": "",
            "coding map": "",
        }


def _events(one: Observation, kinds: dict[str, _Behaviour], report: Report) -> list[list[Any]]:
    """The list of events of an observation, in the order of their times."""
    whole = [event for event in one.events if event.label]
    for event in whole:
        if any(_NOT_IN_MODIFIERS & set(modifier) for modifier in event.modifiers):
            report.note(
                f"{event.place}: the modifier {'|'.join(event.modifiers)!r} has a character that "
                "BORIS does not take in modifiers; it is written as it is"
            )
    points = [event for event in whole if event.point and not kinds[event.label].is_point]
    for event in points:
        report.lost("point events of classes that have bouts too, written as bouts of one frame",
                    event.place)  # fmt: skip
    bouts = [event for event in whole if not event.point]
    bouts += bouts_only(points, one.frame_seconds, one.axis.files[-1].end)
    kept, swallowed = united(sorted(bouts, key=lambda event: (event.start, event.stop)))
    for event in swallowed:
        report.lost(FEATURES["overlaps"], event.place)
    marks = [mark for event in kept for mark in ((event.start, event), (event.stop, event))]
    # Marks of one bout have one comment, which stands at its start.
    rows = [_row(one, time, event, kinds, time == event.start) for time, event in marks]
    rows += [
        _row(one, event.start, event, kinds, True)
        for event in whole
        if event.point and kinds[event.label].is_point
    ]
    return sorted(rows, key=lambda row: (row[0], row[1], row[2]))


def _row(
    one: Observation, time: float, event: Event, kinds: dict[str, _Behaviour], is_first: bool
) -> list[Any]:
    sets = len(kinds[event.label].sets)
    frame = one.position(time)[1]
    return [
        time,
        event.subject,
        event.label,
        modifier_text(event, sets) if sets else "",
        comment_of(event) if is_first else "",
        "NA" if frame is None else frame,
    ]


def _observation(one: Observation, events: list, media: dict[str, str]) -> dict[str, Any]:
    recording = one.recording
    videos = [
        (media.get(name, name), seconds, rate, name in one.with_audio)
        for player in recording.players
        for name, seconds, rate in zip(player.videos, player.seconds, player.rates, strict=True)
    ]
    return {
        "file": {
            str(number): [media.get(name, name) for name in player.videos]
            for number, player in enumerate(recording.players, start=1)
        },
        "type": "MEDIA",
        "date": one.date,
        "description": recording.description,
        "time offset": recording.time_offset,
        "events": events,
        "observation time interval": list(recording.span or (0, 0)),
        "independent_variables": {},
        "media_info": {
            "length": {name: seconds for name, seconds, _, _ in videos},
            "fps": {name: rate or 0 for name, _, rate, _ in videos},
            "hasVideo": {name: True for name, _, _, _ in videos},
            "hasAudio": {name: audio for name, _, _, audio in videos},
            "offset": {
                str(number): player.offset
                for number, player in enumerate(recording.players, start=1)
            },
        },
    }


def _media_path(film: Film, project: Path) -> str:
    """The path of a video for a project: relative if it lies below the folder of the project."""
    if film.file is None:
        return film.name
    file = Path(os.path.abspath(film.file))  # noqa: PTH100 (links stay as they are)
    folder = Path(os.path.abspath(project)).parent  # noqa: PTH100
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _shortcuts(number: int) -> list[str]:
    """One character for each entry; BORIS asks which one is meant if several have the same."""
    return list(itertools.islice(itertools.cycle(_KEYS), number))


def _numbered(entries) -> dict[str, Any]:
    return {str(number): entry for number, entry in enumerate(entries)}


add_writer(
    "boris",
    "a BORIS project (.boris)",
    reads_as="boris",
    endings=(".boris", ".boris.gz"),
    keeps=(
        "subjects",
        "modifiers",
        "points",
        "comments",
        "scores",
        "observations",
        "empty videos",
        "observed time",
    ),
    write=write_boris_project,
)
