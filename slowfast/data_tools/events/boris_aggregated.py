"""Aggregated events of BORIS: a table with one row for each bout, of a newer or an older form.

Newer: Observation id, ..., Source, Time offset (s), ..., Media duration (s), ..., Subject, ...,
Behavior, ..., Behavior type, Start (s), Stop (s), Duration (s), Media file name, ...
Older: Observation id, ..., Media file, Total length, FPS, ..., Modifiers, Behavior type, Start (s),
Stop (s), ...; also without a header. The rows of one observation follow one time axis
(`boris_observation`).
"""

from __future__ import annotations

import math

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.boris_observation import Mark, add_bout, to_frame
from slowfast.data_tools.events.boris_tables import ObservationRows
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, ReadOptions
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.headers import Header, find_header, header_of
from slowfast.data_tools.events.times import TimeColumn, parse_times, to_number

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


def _recognises(content: Content, options: ReadOptions) -> bool:
    return content.table(lambda table: _header(table, options) is not None) is not None


def read_aggregated(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of all observations of a table.

    Raises:
        UserError: it is not such a table, or the decimal sign is not clear.
    """
    table = content.table(lambda table: _header(table, options) is not None)
    header = _header(table, options) if table else None
    if header is None:
        raise UserError(f"{content.path}: is not a table of aggregated events of BORIS")
    found, rows = EventTable(), header.table.rows
    columns = [
        TimeColumn(header.column(role).name, [header.cell(cells, role) for _, cells in rows])
        for role in ("start", "stop")
    ]
    ends = parse_times(columns, table.separator, options.decimal)
    observations: dict[str, ObservationRows] = {}
    for (line, cells), start, stop in zip(rows, *ends, strict=True):
        place = table.place(line)
        name = header.cell(cells, "observation")
        one = ObservationRows.of_row(header, cells, name, place)
        one = observations.setdefault(name, one)
        one.add_media(header.cell(cells, "video"))
        mistake = next((value for value in (start, stop) if isinstance(value, str)), "")
        if not mistake and not one.has_no_video and (math.isnan(start) or math.isnan(stop)):
            mistake = "has no time; expected the start and the stop in seconds"
        if not mistake and stop < start:
            mistake = f"stops at {stop:g} s, before its start at {start:g} s"
        if mistake:
            found.wrong(place, mistake)
            continue
        first, last = (
            Mark(
                place,
                header.cell(cells, "kind").upper(),
                time,
                header.cell(cells, "label"),
                header.cell(cells, "subject"),
                header.modifiers_of(cells),
                header.cell(cells, comment),
                to_frame(header.cell(cells, image)),
            )
            for time, comment, image in (
                (start, "comment", "first_image"),
                (stop, "last_comment", "last_image"),
            )
        )
        one.bouts.append((first, last))
    for one in observations.values():
        try:
            axis = one.axis(found, options)
        except UserError as error:
            found.wrong(one.place, str(error))
            continue
        for first, last in one.bouts if axis else ():
            add_bout(found, axis, first, last, one.name)
    if not rows:
        found.wrong(table.place(table.rows[-1][0]), "has no rows below the header")
    return found


add_format("boris-aggregated", "aggregated events of BORIS", _recognises, read_aggregated)
