"""What the two kinds of tables that BORIS exports have in common: the columns of an observation."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from slowfast.data_tools.events import Event
from slowfast.data_tools.events.boris_observation import milliseconds
from slowfast.data_tools.exchange.observations import Observation, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import put


def source_of(one: Observation) -> str:
    """The files of each player, as in ``player #1:a.mp4;b.mp4|player #2:c.mp4``."""
    return "|".join(
        f"player #{number}:{';'.join(player.videos)}"
        for number, player in enumerate(one.recording.players, start=1)
    )


def lengths_of(one: Observation) -> str:
    """The lengths of the files, as in ``10.000;10.000|8.000``, cut as on the axis."""
    return "|".join(
        ";".join(f"{milliseconds(seconds):.3f}" for seconds in player.seconds)
        for player in one.recording.players
    )


def rates_of(one: Observation) -> str:
    """The frame rates of the files, as in ``25.000;25.000|30.000``; NA if not known."""
    return "|".join(";".join(map(seconds_text, player.rates)) for player in one.recording.players)


def beginning_of(one: Observation) -> list[str]:
    """The cells with which each row of an observation begins: id, date, description."""
    return [one.name, one.date.replace("T", " "), one.recording.description]


def modifier_cells(event: Event, sets: int) -> list[str]:
    """One cell for each set of modifiers."""
    return [*event.modifiers, *[""] * (sets - len(event.modifiers))]


def most_sets(found: Sequence[Observation]) -> int:
    """The number of columns of modifiers that the events need."""
    return max((len(event.modifiers) for one in found for event in one.events), default=0)


def report_offsets(found: Sequence[Observation], report: Report) -> None:
    """Reports what such tables do not say of players that were shown beside the first one."""
    for one in found:
        for player in one.recording.players[1:]:
            if player.offset:
                report.lost("times at which further players begin", one.recording.place)


def put_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Path]:
    """Writes a table as BORIS does: UTF-8, lines that end in CR and LF, tabs or else commas."""
    text = io.StringIO(newline="")
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    table = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    table.writerow(header)
    table.writerows(rows)
    return [put(path, text.getvalue().encode("utf-8", errors="surrogateescape"))]
