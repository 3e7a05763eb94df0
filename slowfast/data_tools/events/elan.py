"""Files of ELAN (.eaf), which are XML: annotations with times in milliseconds, on tiers.

Annotations of one tier cannot overlap, so people use a tier for each animal or for each behaviour.
A tier whose annotations are all empty, or "x", is named like its behaviour. Otherwise the value of
an annotation is the behaviour, and the participant of the tier is the subject. Without a
participant the tier is the subject, if it is not named like all of its annotations ("walking", or
"walking [2]" for a second tier). Annotations that refer to another annotation, without times of
their own, are its modifiers.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.content import Content
from slowfast.data_tools.events.event import Coverage, Event, EventTable, Place, ReadOptions
from slowfast.data_tools.events.formats import add_format

_ROOT = "ANNOTATION_DOCUMENT"
MARKS = {"", "x", "1", "+"}  # values of annotations whose tier is named like the behaviour
_NUMBER = re.compile(r" \[\d+\]$")  # of a further tier with the same content


@dataclass
class _Annotation:
    """An annotation with its own times, in milliseconds; None: not stated."""

    name: str
    value: str
    start: float | None
    stop: float | None


def _recognises(content: Content, options: ReadOptions) -> bool:
    head = content.data[:4096].replace(b"\0", b"")
    return b"<" in head and _ROOT.encode() in head


def read_elan(content: Content, options: ReadOptions) -> EventTable:
    """Returns the annotations of all tiers.

    Raises:
        UserError: the file is not readable as XML, or has no such video as `options.player`.
    """
    try:
        root = ET.fromstring(content.data)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{content.path}: cannot be read as an ELAN file ({error})") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # any prefix of a name space
    if root.tag != _ROOT:
        raise UserError(f"{content.path}: is not an ELAN file; its first element is {root.tag}")
    found = EventTable()
    video, origin = _media(content, root, options.player)
    place = Place(content.path, item="the recording")
    found.coverage.append(Coverage(place, video, content.base_name))
    slots = {
        slot.get("TIME_SLOT_ID"): _number(slot.get("TIME_VALUE"))
        for slot in root.iter("TIME_SLOT")
    }  # fmt: skip
    modifiers = _modifiers(root)
    for tier in root.iter("TIER"):
        annotations = list(_annotations(tier, slots))
        if not annotations:
            continue
        name = tier.get("TIER_ID", "")
        is_behaviour = all(one.value.casefold() in MARKS for one in annotations)
        of_one_class = all(_NUMBER.sub("", name) == one.value for one in annotations)
        subject = tier.get("PARTICIPANT", "") or ("" if is_behaviour or of_one_class else name)
        for one in annotations:
            rank = len(found.events) + len(found.mistakes) + 1
            place = Place(content.path, 0, rank, f"tier {name!r}, annotation {one.name}")
            label = name if is_behaviour else one.value
            if one.start is None or one.stop is None:
                found.wrong(place, f"{label!r} has no times, and no neighbour that gives them")
            elif not label:
                found.wrong(place, "has no text; expected a behaviour")
            elif one.start + origin < 0:
                found.wrong(place, f"{label!r} begins before the video")
            else:
                start, stop = (one.start + origin) / 1000, (one.stop + origin) / 1000
                found.events.append(
                    Event(
                        place,
                        video,
                        label,
                        start,
                        stop,
                        point=start == stop,
                        subject=subject.strip(),
                        modifiers=tuple(modifiers.get(one.name, ())),
                        observation=content.base_name,
                    )
                )
    return found


def _media(content: Content, root: ET.Element, player: int) -> tuple[str, float]:
    """The name of a video, and its position at time 0, in milliseconds.

    Without a video in the file, the video is named like the file.
    """
    media = list(root.iter("MEDIA_DESCRIPTOR"))
    if not media and player == 1:
        return content.base_name, 0.0
    if player > len(media):
        raise UserError(f"{content.path}: has {len(media)} videos; there is no player {player}")
    one = media[player - 1]
    url = one.get("MEDIA_URL") or one.get("RELATIVE_MEDIA_URL") or content.base_name
    return url, _number(one.get("TIME_ORIGIN")) or 0.0


def _annotations(tier: ET.Element, slots: dict[str | None, float | None]) -> Iterator[_Annotation]:
    """Yields the annotations of a tier that have times of their own, in the order of the file.

    A time slot without a value lies between annotations that divide a time evenly: ELAN shows them
    with equal lengths.
    """
    found = [
        (element, element.get("TIME_SLOT_REF1"), element.get("TIME_SLOT_REF2"))
        for element in tier.iter("ALIGNABLE_ANNOTATION")
    ]
    times = dict(slots)
    begin_at = {first: (first, last) for _, first, last in found}
    for _, first, _ in found:
        if slots.get(first) is None:
            continue
        chain = [first]
        while chain[-1] in begin_at and (len(chain) == 1 or slots.get(chain[-1]) is None):
            chain.append(begin_at[chain[-1]][1])
            if len(chain) > len(found) + 1:
                break  # a damaged file whose annotations follow each other in a circle
        start, stop = slots.get(chain[0]), slots.get(chain[-1])
        if start is not None and stop is not None:
            for number, slot in enumerate(chain):
                times[slot] = start + (stop - start) * number / (len(chain) - 1)
    for element, first, last in found:
        value = (element.findtext("ANNOTATION_VALUE") or "").strip()
        name = element.get("ANNOTATION_ID", "")
        yield _Annotation(name, value, times.get(first), times.get(last))


def _modifiers(root: ET.Element) -> dict[str, list[str]]:
    """The values of the annotations that refer to another one, by the name of that one."""
    found: dict[str, list[str]] = {}
    for element in root.iter("REF_ANNOTATION"):
        value = (element.findtext("ANNOTATION_VALUE") or "").strip()
        if value:
            found.setdefault(element.get("ANNOTATION_REF", ""), []).append(value)
    return found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


add_format("elan", "an ELAN file (.eaf)", _recognises, read_elan)
