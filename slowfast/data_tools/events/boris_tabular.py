"""Tabular events of BORIS: a table with one row for each START, STOP and POINT.

Newer: a header, and rows of one observation or more. Older: rows that describe the observation
("Observation id", "Time offset (s)", ...), and then a header that begins with Time. SimBA reads the
same tables.
"""

from __future__ import annotations

import math

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.boris_observation import Mark, add_bout, pairs, to_frame
from slowfast.data_tools.events.boris_tables import ObservationRows
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, ReadOptions
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.headers import Header, find_header, plain_name
from slowfast.data_tools.events.times import TimeColumn, parse_times

_KINDS = ("START", "STOP", "POINT")


def _header(table: Table, options: ReadOptions) -> Header | None:
    header = find_header(table, ("time", "label", "kind"), options)
    return header if header and header.column("time").name.lower().startswith("time") else None


def _recognises(content: Content, options: ReadOptions) -> bool:
    return content.table(lambda table: _header(table, options) is not None) is not None


def read_tabular(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of all observations of a table.

    Raises:
        UserError: it is not such a table, or the decimal sign is not clear.
    """
    table = content.table(lambda table: _header(table, options) is not None)
    header = _header(table, options) if table else None
    if header is None:
        raise UserError(f"{content.path}: is not a table of tabular events of BORIS")
    found, rows = EventTable(), header.table.rows
    column = header.column("time")
    unit = column.unit if column.unit is not None else options.time_unit
    values = [header.cell(cells, "time") for _, cells in rows]
    (times,) = parse_times(
        [TimeColumn(column.name, values, unit)], table.separator, options.decimal
    )
    about = _preamble(table, header)
    observations: dict[str, ObservationRows] = {}
    for (line, cells), time in zip(rows, times, strict=True):
        place = table.place(line)
        name = header.cell(cells, "observation") or about.get("observation id", content.base_name)
        one = ObservationRows.of_row(header, cells, name, place)
        one = observations.setdefault(name, one)
        one.offset = one.offset or about.get("time offset s", "")
        one.add_media(header.cell(cells, "video"))
        kind = header.cell(cells, "kind").upper()
        if isinstance(time, str):
            found.wrong(place, time)
        elif math.isnan(time) and not one.has_no_video:
            found.wrong(place, "has no time; expected seconds")
        elif kind not in _KINDS:
            name = header.column("kind").name
            found.wrong(place, f"{name} {kind!r}: expected {', '.join(_KINDS)}")
        else:
            one.marks.append(
                Mark(
                    place,
                    kind,
                    time,
                    header.cell(cells, "label"),
                    header.cell(cells, "subject"),
                    header.modifiers_of(cells),
                    header.cell(cells, "comment"),
                    to_frame(header.cell(cells, "image")),
                )
            )
    for one in observations.values():
        try:
            axis = one.axis(found, options)
        except UserError as error:
            found.wrong(one.place, str(error))
            continue
        for first, last in pairs(one.marks, found) if axis else ():
            add_bout(found, axis, first, last, one.name)
    if not rows:
        found.wrong(table.place(table.rows[-1][0]), "has no rows below the header")
    return found


def _preamble(table: Table, header: Header) -> dict[str, str]:
    """What the rows above the header say: the first cell, in plain words, and the second."""
    above = table.rows[: len(table.rows) - len(header.table.rows) - 1]
    return {plain_name(cells[0]): cells[1] for _, cells in above if len(cells) > 1}


add_format("boris-tabular", "tabular events of BORIS", _recognises, read_tabular)
