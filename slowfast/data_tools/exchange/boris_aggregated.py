"""Aggregated events of BORIS, written: one row for each bout or point, in the columns of BORIS 10.

Times contain the time offset of the observation, as in BORIS's own exports. Rows of one subject and
class may overlap.
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
from slowfast.data_tools.exchange.film import Film, comment_of
from slowfast.data_tools.exchange.observations import Observation, seconds_text
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import add_writer

_COLUMNS = (
    *("Observation id", "Observation date", "Description", "Observation type", "Source"),
    *("Time offset (s)", "Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
    *("Observation duration by subject by observation", "Behavior", "Behavioral category"),
    *(MODIFIERS, "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name"),
    *("Image index start", "Image index stop", "Image file path start", "Image file path stop"),
    *("Comment start", "Comment stop"),
)


def write_aggregated(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table of all films, as `write_exported` says."""
    return write_exported(films, path, report, _COLUMNS, _rows)


def _rows(one: Observation, report: Report) -> Iterator[Row]:
    of_subject: dict[str, float] = {}
    for event in one.events:
        length = of_subject.get(event.subject, 0.0)
        of_subject[event.subject] = length + event.stop - event.start
    for event in one.events:
        if not event.label:
            continue
        (media, first), (_, last) = one.position(event.start), one.position(event.stop)
        yield cells_of(event) | {
            "Observation type": "Media file",
            "Coding duration": seconds_text(one.coded_seconds),
            "FPS (frame/s)": rates_of(one),
            "Subject": event.subject or "No focal subject",
            "Observation duration by subject by observation": repr(
                round(of_subject[event.subject], 3)
            ),
            "Behavioral category": "Not defined",
            "Behavior type": "POINT" if event.point else "STATE",
            "Start (s)": seconds_text(event.start),
            "Stop (s)": seconds_text(event.stop),
            "Duration (s)": "NA" if event.point else seconds_text(event.stop - event.start),
            "Media file name": media,
            "Image index start": image_index(first),
            "Image index stop": image_index(last),
            "Comment start": comment_of(event),
        }


add_writer(
    "aggregated",
    "aggregated events of BORIS",
    reads_as="boris-aggregated",
    endings=("aggregated.tsv", "aggregated.csv", ".tsv"),
    keeps=("subjects", "modifiers", "points", "comments", "scores", "observations", "overlaps"),
    write=write_aggregated,
)
