"""Events of videos, as annotation programs and spreadsheets write them: `read_events(path)`.

Each format is one file, which adds itself to `formats.FORMATS`. To add a format, add a file with a
function that recognises a content, a function that reads it, and a call of `add_format`.

event      the types: an event, and what a table holds
content    a file as text, JSON, or tables, with its encoding, separator and sheets
headers    columns by their usual names
times      columns of times
"""

import sys

from slowfast.ak.registries.registry import import_all
from slowfast.data_tools.events.event import (
    Coverage,
    Event,
    EventTable,
    Mistake,
    Place,
    Player,
    ReadOptions,
    Recording,
    subject_name,
)
from slowfast.data_tools.events.formats import FORMATS
from slowfast.data_tools.events.read import read_events

__all__ = [
    "FORMATS",
    "Coverage",
    "Event",
    "EventTable",
    "Mistake",
    "Place",
    "Player",
    "ReadOptions",
    "Recording",
    "read_events",
    "subject_name",
]

import_all(sys.modules[__name__])
