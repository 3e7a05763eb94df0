"""Aggregated events of BORIS: a table with one row for each bout, of a newer or an older form.

Newer: Observation id, ..., Source, Time offset (s), ..., Media duration (s), ..., Subject, ...,
Behavior, ..., Behavior type, Start (s), Stop (s), Duration (s), Media file name, ...
Older: Observation id, ..., Media file, Total length, FPS, ..., Modifiers, Behavior type, Start (s),
Stop (s), ...; also without a header. The rows of one observation follow one time axis
(`boris_observation`).
"""

from __future__ import annotations

from slowfast.data_tools.events.boris_tables import ExportedTable, recognises
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, ReadOptions
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.headers import Header, find_header, header_of
from slowfast.data_tools.events.times import to_number

_TITLE = "aggregated events of BORIS"
_NEEDED = ("observation", "label", "kind", "start", "stop")
# The last columns of the older form, before which an observation's own variables can stand.
_OLD_END = ("Subject", "Behavior", "Behavioral category", "Modifiers", "Behavior type",
            "Start (s)", "Stop (s)", "Duration (s)", "Comment start", "Comment stop")  # fmt: skip


def _header(table: Table, options: ReadOptions) -> Header | None:
    return find_header(table, _NEEDED, options) or _header_of_a_table_without(table, options)


def _header_of_a_table_without(table: Table, options: ReadOptions) -> Header | None:
    """The header that a table of the older form would have, if its first line is a row already."""
    if not table.rows:
        return None
    cells = table.rows[0][1]
    width, kind = len(cells), len(_OLD_END) - _OLD_END.index("Behavior type")
    if width < len(_OLD_END) + 5 or cells[-kind] not in ("STATE", "POINT"):
        return None
    beginning = ["Observation id", "Observation date"]
    # The name of a file is no number; the total length and the rate after it are numbers or NA.
    if not (_is_measure(cells[3]) and _is_measure(cells[4])):
        beginning.append("Description")
    beginning += ["Media file", "Total length", "FPS"]
    variables = [f"variable {n}" for n in range(width - len(beginning) - len(_OLD_END))]
    return header_of((*beginning, *variables, *_OLD_END), table, options)


def _is_measure(text: str) -> bool:
    return text == "NA" or to_number(text) is not None


def read_aggregated(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of all observations of a table.

    Raises:
        UserError: it is not such a table, or the decimal sign is not clear.
    """
    table = ExportedTable(content, options, _header, _TITLE)
    for row in table.rows("start", "stop"):
        start, stop = row.times
        mistake = row.mistake
        if not mistake and stop < start:
            mistake = f"stops at {stop:g} s, before its start at {start:g} s"
        if mistake:
            table.found.wrong(row.place, mistake)
            continue
        first = row.mark(start, "comment", "first_image")
        row.one.bouts.append((first, row.mark(stop, "last_comment", "last_image")))
    return table.events()


add_format("boris-aggregated", _TITLE, recognises(_header), read_aggregated)
