"""Writes what the two kinds of tables that BORIS exports share: the cells of an observation.

A writer names its columns, with MODIFIERS where those of the modifiers stand, and gives rows as
dicts by the names of the columns. A column without a value in a row is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from slowfast.data_tools.events import Event
from slowfast.data_tools.events.boris_observation import milliseconds
from slowfast.data_tools.exchange.film import Film
from slowfast.data_tools.exchange.observations import Observation, observations, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import put

MODIFIERS = "Modifiers"  # stands for the columns Modifier #1, Modifier #2 and so on

Row = Mapping[str, str]


def write_exported(
    films: Sequence[Film],
    path: Path,
    report: Report,
    columns: Sequence[str],
    rows_of: Callable[[Observation, Report], Iterable[Row]],
) -> list[Path]:
    """Writes a table of all films; commas separate its columns if the path ends in .csv.

    Args:
        rows_of: gives the rows of an observation.

    Raises:
        UserError: a time is not known, or the file cannot be written.
    """
    found = observations(films, report)
    _report_offsets(found, report)
    sets = max((len(event.modifiers) for one in found for event in one.events), default=0)
    at = columns.index(MODIFIERS)
    header = [*columns[:at], *map(_modifier_column, range(sets)), *columns[at + 1 :]]
    rows = [_of_observation(one) | dict(row) for one in found for row in rows_of(one, report)]
    return _put(path, header, ([row.get(name, "") for name in header] for row in rows))


def cells_of(event: Event) -> dict[str, str]:
    """The cells that say which behaviour an event is."""
    modifiers = {_modifier_column(n): text for n, text in enumerate(event.modifiers)}
    return {"Behavior": event.label, **modifiers}


def image_index(frame: int | None) -> str:
    """The cell of a frame number; NA if it is not known."""
    return "NA" if frame is None else str(frame)


def _of_observation(one: Observation) -> dict[str, str]:
    """The cells that all rows of an observation share."""
    return {
        "Observation id": one.name,
        "Observation date": one.date.replace("T", " "),
        "Description": one.recording.description,
        "Source": _source(one),
        "Time offset (s)": repr(float(one.recording.time_offset)),
        "Media duration (s)": _lengths(one),
    }


def _source(one: Observation) -> str:
    """The files of each player, as in ``player #1:a.mp4;b.mp4|player #2:c.mp4``."""
    return "|".join(
        f"player #{number}:{';'.join(player.videos)}"
        for number, player in enumerate(one.recording.players, start=1)
    )


def _lengths(one: Observation) -> str:
    """The lengths of the files, as in ``10.000;10.000|8.000``, cut as on the axis."""
    return "|".join(
        ";".join(f"{milliseconds(seconds):.3f}" for seconds in player.seconds)
        for player in one.recording.players
    )


def rates_of(one: Observation) -> str:
    """The frame rates of the files, as in ``25.000;25.000|30.000``; NA if not known."""
    return "|".join(";".join(map(seconds_text, player.rates)) for player in one.recording.players)


def _modifier_column(number: int) -> str:
    return f"Modifier #{number + 1}"


def _report_offsets(found: Sequence[Observation], report: Report) -> None:
    """Reports what such tables do not say of players that were shown beside the first one."""
    for one in found:
        for player in one.recording.players[1:]:
            if player.offset:
                report.lost("times at which further players begin", one.recording.place)


def _put(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Path]:
    """Writes a table as BORIS does: UTF-8, lines that end in CR and LF, tabs or else commas."""
    text = io.StringIO(newline="")
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    table = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    table.writerow(header)
    table.writerows(rows)
    return [put(path, text.getvalue().encode("utf-8", errors="surrogateescape"))]
