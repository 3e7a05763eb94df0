"""The table of bouts that `tools/predict.py` writes, for the events of a person: bouts.csv.

Columns for modifiers, comments and observations follow where events have them. A point event has
its start as its stop. Frames are empty where the rate of a video is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slowfast.data_tools.events.intervals import BOUT_COLUMNS
from slowfast.data_tools.exchange.film import Film, in_seconds
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.tables import put_rows
from slowfast.data_tools.exchange.writer import add_writer


def write_bouts(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table of all films.

    Raises:
        UserError: a time is not known, or the file cannot be written.
    """
    rows, more = [], []
    for film in films:
        for event in in_seconds(film):
            if not event.label:
                continue
            first, stop = event.first_frame, event.stop_frame
            if film.rate or film.stamps is not None:
                first, stop = film.frame_span(event)
            first, last = _first_and_last(first, stop, event.point)
            scores = ("" if one is None else f"{one:.6g}" for one in (event.mean, event.peak))
            times = f"{event.start:.3f}", f"{event.stop:.3f}"
            rows.append((film.name, event.subject, event.label, *times, first, last, *scores))
            more.append(("|".join(event.modifiers), event.comment, film.own_observation))
    used = [at for at in range(3) if any(extra[at] for extra in more)]
    names = [*BOUT_COLUMNS, *(("modifiers", "comment", "observation")[at] for at in used)]
    return put_rows(
        path,
        names,
        [(*row, *(extra[at] for at in used)) for row, extra in zip(rows, more, strict=True)],
    )


def _first_and_last(
    first: int | None, stop: int | None, point: bool
) -> tuple[int | str, int | str]:
    """The first and the last frame; empty where they are not known."""
    if first is None or stop is None:
        return "", ""
    return first, first if point else max(first, stop - 1)


add_writer(
    "bouts",
    "a table of bouts (bouts.csv)",
    reads_as="intervals",
    endings=("bouts.csv", ".csv"),
    keeps=("subjects", "modifiers", "points", "comments", "scores", "observations", "overlaps"),
    write=write_bouts,
)
