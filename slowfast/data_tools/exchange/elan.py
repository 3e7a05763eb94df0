"""Files of ELAN (.eaf), written: tiers of annotations with times in milliseconds.

Annotations of one tier cannot overlap. A subject has one tier if its bouts do not overlap, and else
a tier for each of its classes, as in ``walking@fox``. The bouts without a subject have a tier for
each class, which is named like it. A tier of modifiers hangs below the tier of their bouts.
"""

from __future__ import annotations

import datetime
import itertools
import mimetypes
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import Event
from slowfast.data_tools.events.elan import MARKS
from slowfast.data_tools.exchange.film import Film, bouts_only, in_seconds, lanes
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import add_writer, put, targets

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONSTRAINTS = (
    ("Time_Subdivision", "Time subdivision of parent annotation's time interval, no time gaps "
     "allowed within this interval"),
    ("Symbolic_Subdivision", "Symbolic subdivision of a parent annotation. Annotations refering to "
     "the same parent are ordered"),
    ("Symbolic_Association", "1-1 association with a parent annotation"),
    ("Included_In", "Time alignable annotations within the parent annotation's time interval, gaps "
     "are allowed"),
)  # fmt: skip


def write_elan(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a file for each film: `path` for one, `path`/<video>.eaf for several.

    Raises:
        UserError: a time is not known, a label has a character that XML lacks, or a file cannot be
            written.
    """
    return [
        put(target, _document(film, target, report))
        for film, target in targets(films, path, ".eaf")
    ]


@dataclass
class _Tier:
    """A tier of bouts that do not overlap."""

    name: str
    subject: str
    events: list[Event]
    names: list[str] = field(default_factory=list)  # of the annotations


def _document(film: Film, path: Path, report: Report) -> bytes:
    whole = bouts_only(in_seconds(film), film.frame_seconds, film.length)
    events = [event for event in whole if event.label]
    for event in events:
        for text in (event.label, event.subject, *event.modifiers):
            if _NOT_IN_XML.search(text):
                raise UserError(
                    f"{event.place}: {text!r} has a control character, which XML cannot hold"
                )
    if film.file is None and _NOT_IN_XML.search(film.name):
        raise UserError(f"{film.place}: {film.name!r} has a character that XML cannot hold")
    ET.register_namespace("xsi", _INSTANCE)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "",
            "DATE": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_INSTANCE}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    _add_media(root, film, path, report)
    tiers = _tiers(events)
    slots = ET.SubElement(root, "TIME_ORDER")
    annotations = itertools.count(1)
    elements = [_tier(tier, slots, annotations) for tier in tiers]
    # Time slots stand in the order of their times.
    slots[:] = sorted(slots, key=lambda slot: int(slot.get("TIME_VALUE", "0")))
    for element, tier in zip(elements, tiers, strict=True):
        root.append(element)
        root.extend(_modifier_tiers(tier, annotations, report))
    used = ET.SubElement(root[0], "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    used.text = str(next(annotations) - 1)
    for name, constraint in (("behaviour", ""), ("modifier", "Symbolic_Association")):
        about = {
            "GRAPHIC_REFERENCES": "false",
            "LINGUISTIC_TYPE_ID": name,
            "TIME_ALIGNABLE": "false" if constraint else "true",
        }
        ET.SubElement(
            root,
            "LINGUISTIC_TYPE",
            {**about, **({"CONSTRAINTS": constraint} if constraint else {})},
        )
    for stereotype, words in _CONSTRAINTS:
        ET.SubElement(root, "CONSTRAINT", {"DESCRIPTION": words, "STEREOTYPE": stereotype})
    ET.indent(root)
    return ET.tostring(root, encoding="UTF-8", xml_declaration=True)


def _add_media(root: ET.Element, film: Film, path: Path, report: Report) -> None:
    """Adds the header: the video, and the videos that were shown beside it."""
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if film.file is not None:
        file = film.file.resolve()
        url, below = file.as_uri(), path.parent.resolve()
        relative = f"./{file.relative_to(below).as_posix()}" if file.is_relative_to(below) else ""
    else:
        url, relative = film.name, ""
    _add_video(header, url, relative, film.name, 0)
    recording = film.recording
    for player in recording.players[1:] if recording else ():
        # ELAN can leave out the beginning of a video, and cannot let it begin later.
        in_a_row = len(player.videos) > 1 or len(recording.players[0].videos) > 1
        if in_a_row or player.offset > 0:
            report.lost("further players, which begin later or show several files", film.place)
            continue
        _add_video(header, player.videos[0], "", player.videos[0], round(-1000 * player.offset))


def _add_video(header: ET.Element, url: str, relative: str, name: str, origin: int) -> None:
    about = {"MEDIA_URL": url, "MIME_TYPE": mimetypes.guess_type(name)[0] or "unknown"}
    about |= {"RELATIVE_MEDIA_URL": relative} if relative else {}
    about |= {"TIME_ORIGIN": str(origin)} if origin else {}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", about)


def _tiers(events: Sequence[Event]) -> list[_Tier]:
    """Divides bouts, sorted by start, among tiers of different names."""
    found: list[_Tier] = []
    for subject in dict.fromkeys(event.subject for event in events):
        own = [event for event in events if event.subject == subject]
        if subject and len(lanes(own)) == 1:
            found.append(_Tier(subject, subject, own))
            continue
        for label in dict.fromkeys(event.label for event in own):
            name = f"{label}@{subject}" if subject else label
            for number, lane in enumerate(lanes([e for e in own if e.label == label]), start=1):
                found.append(_Tier(name if number == 1 else f"{name} [{number}]", subject, lane))
    names: set[str] = set()
    for tier in found:
        # A class and a subject can have the same name.
        free = (tier.name, *(f"{tier.name} [{number}]" for number in range(2, len(found) + 2)))
        tier.name = next(name for name in free if name not in names)
        names.add(tier.name)
        labels = {event.label for event in tier.events}
        if tier.name not in labels and all(label.casefold() in MARKS for label in labels):
            raise UserError(
                f"{tier.events[0].place}: the class {tier.events[0].label!r} of {tier.subject!r} "
                f"would be read as a mark in a tier of the class {tier.name!r}; rename the class"
            )
    return found


def _tier(tier: _Tier, slots: ET.Element, numbers: Iterator[int]) -> ET.Element:
    """The element of a tier; adds its times to `slots`."""
    about = {"LINGUISTIC_TYPE_REF": "behaviour", "TIER_ID": tier.name}
    element = ET.Element("TIER", about | ({"PARTICIPANT": tier.subject} if tier.subject else {}))
    for event in tier.events:
        start = round(1000 * event.start)
        ends = {}
        for end, time in enumerate((start, max(round(1000 * event.stop), start + 1)), start=1):
            slot = f"ts{len(slots) + 1}"
            ET.SubElement(slots, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(time)})
            ends[f"TIME_SLOT_REF{end}"] = slot
        tier.names.append(f"a{next(numbers)}")
        outer = ET.SubElement(element, "ANNOTATION")
        inner = ET.SubElement(
            outer, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": tier.names[-1], **ends}
        )
        ET.SubElement(inner, "ANNOTATION_VALUE").text = event.label
    return element


def _modifier_tiers(tier: _Tier, numbers: Iterator[int], report: Report) -> Iterator[ET.Element]:
    """Yields a tier for each set of modifiers that the bouts of a tier have."""
    for event in tier.events:
        if "" in event.modifiers[:-1]:
            report.lost("sets of modifiers without a choice before one with a choice", event.place)
    for number in range(max((len(event.modifiers) for event in tier.events), default=0)):
        about = {
            "LINGUISTIC_TYPE_REF": "modifier",
            "PARENT_REF": tier.name,
            "TIER_ID": f"modifier {number + 1}@{tier.name}",
        }
        element = ET.Element("TIER", about)
        for event, parent in zip(tier.events, tier.names, strict=True):
            if number < len(event.modifiers) and event.modifiers[number]:
                outer = ET.SubElement(element, "ANNOTATION")
                own = {"ANNOTATION_ID": f"a{next(numbers)}", "ANNOTATION_REF": parent}
                inner = ET.SubElement(outer, "REF_ANNOTATION", own)
                ET.SubElement(inner, "ANNOTATION_VALUE").text = event.modifiers[number]
        yield element


add_writer(
    "eaf",
    "a file of ELAN (.eaf)",
    reads_as="elan",
    endings=(".eaf",),
    keeps=("subjects", "modifiers", "empty videos", "overlaps"),
    write=write_elan,
    one_file_each=True,
)
