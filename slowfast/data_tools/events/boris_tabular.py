"""Tabular events of BORIS: a table with one row for each START, STOP and POINT.

Newer: a header, and rows of one observation or more. Older: rows that describe the observation
("Observation id", "Time offset (s)", ...), and then a header that begins with Time. SimBA reads the
same tables.
"""

from __future__ import annotations

from slowfast.data_tools.events.boris_tables import ExportedTable, recognises
from slowfast.data_tools.events.content import Content, Table
from slowfast.data_tools.events.event import EventTable, ReadOptions
from slowfast.data_tools.events.formats import add_format
from slowfast.data_tools.events.headers import Header, find_header, plain_name

_TITLE = "tabular events of BORIS"
_KINDS = ("START", "STOP", "POINT")


def _header(table: Table, options: ReadOptions) -> Header | None:
    header = find_header(table, ("time", "label", "kind"), options)
    return header if header and header.column("time").name.lower().startswith("time") else None


def read_tabular(content: Content, options: ReadOptions) -> EventTable:
    """Returns the events of all observations of a table.

    Raises:
        UserError: it is not such a table, or the decimal sign is not clear.
    """
    table = ExportedTable(content, options, _header, _TITLE)
    about = _preamble(table.table, table.header)
    column = table.header.column("time")
    unit = column.unit if column.unit is not None else options.time_unit
    name = about.get("observation id", content.base_name)
    offset = about.get("time offset s", "")
    for row in table.rows("time", name=name, offset=offset, units=(unit,)):
        mark, mistake = row.mark(row.times[0]), row.mistake
        if not mistake and mark.kind not in _KINDS:
            heading = table.header.column("kind").name
            mistake = f"{heading} {mark.kind!r}: expected {', '.join(_KINDS)}"
        if mistake:
            table.found.wrong(row.place, mistake)
        else:
            row.one.marks.append(mark)
    return table.events()


def _preamble(table: Table, header: Header) -> dict[str, str]:
    """What the rows above the header say: the first cell, in plain words, and the second."""
    above = table.rows[: len(table.rows) - len(header.table.rows) - 1]
    return {plain_name(cells[0]): cells[1] for _, cells in above if len(cells) > 1}


add_format("boris-tabular", _TITLE, recognises(_header), read_tabular)
