"""Bouts that a person has corrected: the table that the pages of predictions write.

    video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score,review
    fox.mp4,,walking,2,4.5,50,112,0.7,0.9,moved
    fox.mp4,,,0,10,0,249,,,checked

A row is a bout that stands; `review` is accepted, moved or added, or empty for a predicted bout
that nobody has looked at. A row `checked` has no class: it is a time that a person has looked
through, in which all bouts are right and none is missing.
"""

from __future__ import annotations

from dataclasses import replace

from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, Place, ReadOptions
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.intervals import BOUT_COLUMNS, read_intervals

CHECKED = "checked"
REVIEWS = ("", "accepted", "moved", "added", CHECKED)
_NEEDED = {*BOUT_COLUMNS[:5], "review"}


def _is_table(table: Table) -> bool:
    return bool(table.rows) and set(table.rows[0][1]) >= _NEEDED


def _recognises(content: Content, options: ReadOptions) -> bool:
    return content.table(_is_table) is not None


def read_corrections(content: Content, options: ReadOptions) -> EventTable:
    """Returns the bouts, and each checked time as an event without a class."""
    table = content.table(_is_table)
    found = read_intervals(content, replace(options, label_separator="none"))
    found.notes.clear()  # it names the columns of scores, which nobody expects to be read
    if table is None:  # another format was asked for
        return found
    at = table.rows[0][1].index("review")
    reviews: dict[Place, str] = {}
    for line, cells in table.rows[1:]:
        place = table.place(line)
        reviews[place] = cells[at].strip() if at < len(cells) else ""
        if reviews[place] not in REVIEWS:
            words = ", ".join(filter(None, REVIEWS))
            found.wrong(place, f"review {reviews[place]!r}: expected {words}, or nothing")
    for number, event in enumerate(found.events):
        review = reviews[event.place]
        if (review == CHECKED) == bool(event.label):
            text = "a checked time has no class" if event.label else "class is empty"
            found.wrong(event.place, f"{text}; a row is a bout, or a time that was {CHECKED}")
        found.events[number] = replace(event, looked_at=review != "")
    return found


add_format("corrections", "bouts that were corrected on a page", _recognises, read_corrections)
