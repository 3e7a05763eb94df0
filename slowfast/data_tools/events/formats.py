"""The list of formats of events. A format is one file in this folder, which adds itself here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from slowfast.data_tools.events.content import Content
from slowfast.data_tools.events.event import EventTable, ReadOptions


@dataclass(frozen=True)
class Format:
    """A format of events.

    Attributes:
        name: the word for it on the command line.
        title: its name in messages.
        recognises: whether a content is of this format. At most one format that is not `general`
            may recognise a content.
        read: returns the events. It raises UserError if the file as a whole cannot be read.
        general: whether it recognises files of other formats too; it is asked last.
    """

    name: str
    title: str
    recognises: Callable[[Content, ReadOptions], bool]
    read: Callable[[Content, ReadOptions], EventTable]
    general: bool = False


FORMATS: dict[str, Format] = {}


def add_format(
    name: str,
    title: str,
    recognises: Callable[[Content, ReadOptions], bool],
    read: Callable[[Content, ReadOptions], EventTable],
    general: bool = False,
) -> None:
    """Adds a format to the list."""
    FORMATS[name] = Format(name, title, recognises, read, general)
