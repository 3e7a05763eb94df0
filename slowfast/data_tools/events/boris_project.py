"""Projects of BORIS: a `.boris` or `.boris.gz` file, which is JSON.

Each observation holds a list of events (time, subject, behaviour, modifiers, comment, frame). The
type of a behaviour says whether an event is a point or one end of a state. Observations that are
live or of pictures have no video; they are left out with a note.
"""

from __future__ import annotations

from typing import Any

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.boris_observation import (
    Axis,
    Mark,
    MediaFile,
    add_bout,
    cover,
    pairs,
    to_frame,
)
from slowfast.data_tools.events.content import Content
from slowfast.data_tools.events.event import EventTable, Place, Player, ReadOptions, Recording
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.times import to_number
from slowfast.utils.plural import count

_MOST_EVENTS = 10**9  # more than an observation has; for the order of places
_WITHOUT_VIDEO = {"LIVE": "live observation", "IMAGES": "pictures"}


def _recognises(content: Content, options: ReadOptions) -> bool:
    found = content.json
    return found is not None and "observations" in found and "behaviors_conf" in found


def read_project(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of all observations of a project.

    Raises:
        UserError: the file is not such a project.
    """
    project = content.json
    if not _recognises(content, options):
        raise UserError(f"{content.path}: is not a BORIS project; it has no behaviors_conf")
    try:
        kinds = {
            str(entry["code"]): "POINT" if str(entry["type"]).startswith("Point") else ""
            for entry in project["behaviors_conf"].values()
        }
        observations = dict(project["observations"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{content.path}: is a BORIS project with damaged behaviors_conf or observations "
            f"({error!r}); open it in BORIS and save it again"
        ) from None
    found = EventTable(classes=tuple(kinds), unread=_unread(project))
    if not observations:
        found.wrong(Place(content.path, item="observations"), "the project has no observation")
    for number, (name, observation) in enumerate(observations.items(), start=1):
        place = Place(content.path, 0, number * _MOST_EVENTS, f"observation {name!r}")
        try:
            _read_observation(found, place, name, observation, kinds, options)
        except UserError as error:
            found.wrong(place, str(error))
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            found.wrong(place, f"is damaged ({error!r}); open it in BORIS and save it again")
    return found


def _read_observation(
    found: EventTable,
    place: Place,
    name: str,
    observation: dict[str, Any],
    kinds: dict[str, str],
    options: ReadOptions,
) -> None:
    events = observation["events"]
    kind = observation.get("type", "MEDIA")
    if kind in _WITHOUT_VIDEO:
        if events:
            number = count(len(events), "event")
            found.notes.append(f"{place} ({_WITHOUT_VIDEO[kind]}) has no video; {number} left out")
        return
    axis = _axis(observation, options.player)
    if axis is None:
        found.notes.append(f"{place}: has no player {options.player}; it is left out")
        return
    begin, end = observation.get("observation time interval") or (0, 0)
    span = (float(begin), float(end)) if end else None
    cover(found, axis, place, name, span=span)
    _add_recording(found, place, name, observation, span)
    marks = []
    for number, event in enumerate(events, start=1):
        item = f"{place.item}, event {number}"
        mark = _mark(found, Place(place.file, 0, place.rank + number, item), event, kinds)
        if mark is not None:
            marks.append(mark)
    # BORIS sorts events of equal time by subject and behaviour when it opens a project.
    marks.sort(key=lambda mark: (mark.time, mark.subject, mark.label))
    unseen = sum(
        not add_bout(found, axis, first, last, name)
        for first, last in pairs(marks, found)
    )  # fmt: skip
    if unseen and not axis.main:
        found.notes.append(f"{place}: player {options.player} does not show {unseen} of its events")


def _add_recording(
    found: EventTable,
    place: Place,
    name: str,
    observation: dict[str, Any],
    span: tuple[float, float] | None,
) -> None:
    """Adds how the videos of an observation were played, if they were played in a row."""
    if observation.get("media_creation_date_as_offset"):
        found.unread["dates of creation as times"] = (
            found.unread.get("dates of creation as times", 0) + 1
        )
        return
    media = observation.get("media_info") or {}
    lengths, rates = media.get("length") or {}, media.get("fps") or {}
    players = tuple(
        Player(
            tuple(names),
            tuple(to_number(lengths.get(one)) for one in names),
            tuple(to_number(rates.get(one)) or None for one in names),
            to_number((media.get("offset") or {}).get(number)) or 0.0,
        )
        for number, names in sorted(dict(observation["file"]).items())
        if names
    )
    found.recordings.append(
        Recording(
            place,
            name,
            players,
            to_number(observation.get("time offset")) or 0.0,
            str(observation.get("date") or ""),
            str(observation.get("description") or ""),
            span,
        )
    )


def _unread(project: dict[str, Any]) -> dict[str, int]:
    """What a project holds that is not read, with the number of each kind."""
    behaviours = list(project["behaviors_conf"].values())
    observations = [one for one in project["observations"].values() if isinstance(one, dict)]
    sources = {
        "categories of behaviours": [one.get("category") for one in behaviours],
        "descriptions of behaviours": [one.get("description") for one in behaviours],
        "colours of behaviours": [one.get("color") for one in behaviours],
        "excluded behaviours": [one.get("excluded") for one in behaviours],
        "coding maps": [*(project.get("coding_map") or ()),
                        *(project.get("behaviors_coding_map") or ())],
        "converters": list(project.get("converters") or ()),
        "values of independent variables": [
            value
            for one in observations
            for value in (one.get("independent_variables") or {}).values()
        ],
    }  # fmt: skip
    return {kind: number for kind, facts in sources.items() if (number := sum(map(bool, facts)))}


def _mark(found: EventTable, place: Place, event: list, kinds: dict[str, str]) -> Mark | None:
    time, label = to_number(event[0]), str(event[2])
    if time is None:
        found.wrong(place, f"time {event[0]!r}: expected seconds, as BORIS writes them")
        return None
    if label not in kinds:
        found.wrong(place, f"{label!r} is not a behaviour of the project; add it, or correct this")
        return None
    return Mark(
        place,
        kinds[label],
        time,
        label.strip(),
        str(event[1]).strip(),
        str(event[3]),
        str(event[4]),
        to_frame(event[5]) if len(event) > 5 else None,
    )


def _axis(observation: dict[str, Any], player: int) -> Axis | None:
    """The videos of a player; None if it has none.

    Raises:
        UserError: a needed length is not stated.
    """
    names = list((observation.get("file") or {}).get(str(player)) or [])
    if not names:
        return None
    media = observation.get("media_info") or {}
    lengths = [to_number((media.get("length") or {}).get(name)) for name in names]
    main = player == 1
    if observation.get("media_creation_date_as_offset"):
        created = media.get("media_creation_time") or {}
        begins = [to_number(created.get(name)) for name in names]
        if None in begins:
            raise UserError(
                "its times count from the creation of the media, and media_creation_time does not "
                f"say when {names[begins.index(None)]} was created"
            )
        files = [
            MediaFile(name, begin, float("inf") if length is None else begin + length)
            for name, begin, length in zip(names, begins, lengths, strict=True)
        ]
        return Axis(tuple(files), main)
    shift = to_number(observation.get("time offset")) or 0.0
    if not main:
        shift += to_number((media.get("offset") or {}).get(str(player))) or 0.0
    return Axis.in_a_row(names, lengths, shift, main)


add_format("boris", "a BORIS project (.boris)", _recognises, read_project)
