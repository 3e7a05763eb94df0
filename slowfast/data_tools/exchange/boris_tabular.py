"""Tabular events of BORIS, written: one row for each START, STOP and POINT, as BORIS 10 has them.

SimBA reads these tables. Rows are paired by their order in time, so bouts of one subject, class and
modifiers that overlap are united.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slowfast.data_tools.exchange.boris_columns import (
    MODIFIERS,
    Row,
    cells_of,
    image_index,
    rates_of,
    write_exported,
)
from slowfast.data_tools.exchange.film import Film, comment_of, united
from slowfast.data_tools.exchange.observations import Observation, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import FEATURES, add_writer

_COLUMNS = (
    *("Observation id", "Observation date", "Description", "Observation duration"),
    *("Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS", "Subject"),
    *("Behavior", "Behavioral category", MODIFIERS, "Behavior type", "Time", "Media file name"),
    *("Image index", "Image file path", "Comment"),
)


def write_tabular(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table of all films, as `write_exported` says."""
    return write_exported(films, path, report, _COLUMNS, _rows)


def _rows(one: Observation, report: Report) -> Iterator[Row]:
    kept, swallowed = united(event for event in one.events if event.label)
    for event in swallowed:
        report.lost(FEATURES["overlaps"], event.place)
    marks = []
    for event in kept:
        if event.point:
            marks.append((event.start, "POINT", event))
        else:
            marks += [(event.start, "START", event), (event.stop, "STOP", event)]
    # The sort is stable: the marks of one thing stay in their order where times are equal.
    for time, kind, event in sorted(marks, key=lambda mark: mark[0]):
        media, frame = one.position(time)
        yield cells_of(event) | {
            "Observation duration": seconds_text(one.coded_seconds),
            "Observation type": "Media file(s)",
            "FPS": rates_of(one),
            "Subject": event.subject,
            "Behavior type": kind,
            "Time": seconds_text(time),
            "Media file name": media,
            "Image index": image_index(frame),
            "Image file path": "NA",
            "Comment": "" if kind == "STOP" else comment_of(event),
        }


add_writer(
    "tabular",
    "tabular events of BORIS",
    reads_as="boris-tabular",
    endings=("tabular.tsv", "tabular.csv"),
    keeps=("subjects", "modifiers", "points", "comments", "scores", "observations"),
    write=write_tabular,
)
