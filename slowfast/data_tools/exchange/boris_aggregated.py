"""Aggregated events of BORIS, written: one row for each bout or point, in the columns of BORIS 10.

Times contain the time offset of the observation, as in BORIS's own exports. Rows of one subject and
class may overlap.
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
from slowfast.data_tools.exchange.film import Film, comment_of
from slowfast.data_tools.exchange.observations import observations, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import add_writer

_BEFORE = ("Observation id", "Observation date", "Description", "Observation type", "Source",
           "Time offset (s)", "Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject",
           "Observation duration by subject by observation", "Behavior",
           "Behavioral category")  # fmt: skip
_AFTER = ("Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name",
          "Image index start", "Image index stop", "Image file path start", "Image file path stop",
          "Comment start", "Comment stop")  # fmt: skip


def write_aggregated(
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
        of_subject: dict[str, float] = {}
        for event in one.events:
            length = of_subject.get(event.subject, 0.0)
            of_subject[event.subject] = length + event.stop - event.start
        for event in one.events:
            if not event.label:
                continue
            (media, first), (_, last) = one.position(event.start), one.position(event.stop)
            rows.append([
                *beginning_of(one),
                "Media file",
                source_of(one),
                repr(float(one.recording.time_offset)),
                seconds_text(one.coded_seconds),
                lengths_of(one),
                rates_of(one),
                event.subject or "No focal subject",
                repr(round(of_subject[event.subject], 3)),
                event.label,
                "Not defined",
                *modifier_cells(event, sets),
                "POINT" if event.point else "STATE",
                seconds_text(event.start),
                seconds_text(event.stop),
                "NA" if event.point else seconds_text(event.stop - event.start),
                media,
                "NA" if first is None else str(first),
                "NA" if last is None else str(last),
                "",
                "",
                comment_of(event),
                "",
            ])  # fmt: skip
    return put_table(path, header, rows)


add_writer(
    "aggregated",
    "aggregated events of BORIS",
    reads_as="boris-aggregated",
    endings=("aggregated.tsv", "aggregated.csv", ".tsv"),
    keeps=("subjects", "modifiers", "points", "comments", "scores", "observations", "overlaps"),
    write=write_aggregated,
)
