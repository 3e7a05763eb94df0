"""Tabular events of BORIS, written: one row for each START, STOP and POINT, as BORIS 10 has them.

SimBA reads these tables. Rows are paired by their order in time, so bouts of one subject, class and
modifiers that overlap are united.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slowfast.data_tools.exchange.boris_columns import (
    beginning_of,
    lengths_of,
    modifier_cells,
    most_sets,
    put_table,
    rates_of,
    report_offsets,
    source_of,
)
from slowfast.data_tools.exchange.film import Film, comment_of, united
from slowfast.data_tools.exchange.observations import observations, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import FEATURES, add_writer

_BEFORE = ("Observation id", "Observation date", "Description", "Observation duration",
           "Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS", "Subject",
           "Behavior", "Behavioral category")  # fmt: skip
_AFTER = ("Behavior type", "Time", "Media file name", "Image index", "Image file path",
          "Comment")  # fmt: skip


def write_tabular(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table of all films; commas separate its columns if the path ends in .csv.

    Raises:
        UserError: a time is not known, or the file cannot be written.
    """
    found = observations(films, report)
    report_offsets(found, report)
    sets = most_sets(found)
    header = [*_BEFORE, *(f"Modifier #{number + 1}" for number in range(sets)), *_AFTER]
    rows = []
    for one in found:
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
            rows.append([
                *beginning_of(one),
                seconds_text(one.coded_seconds),
                "Media file(s)",
                source_of(one),
                repr(float(one.recording.time_offset)),
                lengths_of(one),
                rates_of(one),
                event.subject,
                event.label,
                "",
                *modifier_cells(event, sets),
                kind,
                seconds_text(time),
                media,
                "NA" if frame is None else str(frame),
                "NA",
                "" if kind == "STOP" else comment_of(event),
            ])  # fmt: skip
    return put_table(path, header, rows)


add_writer(
    "tabular",
    "tabular events of BORIS",
    reads_as="boris-tabular",
    endings=("tabular.tsv", "tabular.csv"),
    keeps=("subjects", "modifiers", "points", "comments", "scores", "observations"),
    write=write_tabular,
)
