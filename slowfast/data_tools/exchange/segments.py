"""The table of segments that `tools/cut_videos.py` takes: one row for each stretch of a video.

Events overlap, so the time of a video is divided where its classes change. The time without an
event has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import Place
from slowfast.data_tools.exchange.film import Film, bouts_only, in_seconds
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.tables import put_rows
from slowfast.data_tools.exchange.writer import add_writer
from slowfast.data_tools.segments.stretches import Interval, stretches


def write_segments(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes a table of all films.

    Raises:
        UserError: a time is not known, a class has a semicolon in its name, or the file cannot be
            written.
    """
    rows = []
    for film in films:
        intervals = [
            Interval(event.place or Place(path), film.name, event.label, event.start, event.stop,
                     event.split or film.split)
            for event in bouts_only(in_seconds(film), film.frame_seconds, film.length)
        ]  # fmt: skip
        for one in intervals:
            if ";" in one.label:
                raise UserError(
                    f"{one.place}: the class {one.label!r} has a semicolon, which separates the "
                    "labels of a segment; rename the class"
                )
            if "," in one.label:
                report.note(
                    f"{path}: classes have commas in their names; read it with --label-separator ;"
                )
        rows += [
            (
                *(segment.video, f"{segment.start:.3f}", f"{segment.end:.3f}"),
                *(segment.split, ";".join(segment.labels)),
            )
            for segment in stretches(intervals)
        ]
    names = ["video", "start", "end", "split", "labels"]
    if not any(split for *_, split, _ in rows):
        names.remove("split")  # an empty split is a mistake
        rows = [(*times, labels) for *times, _, labels in rows]
    elif not all(split for *_, split, _ in rows):
        raise UserError(
            f"{path}: some events have a split and others have none; give all of them one"
        )
    return put_rows(path, names, rows)


add_writer(
    "segments",
    "a table of segments (video, start, end, split, labels)",
    reads_as="intervals",
    endings=("segments.csv",),
    keeps=("splits", "unlabelled time", "observed time"),
    write=write_segments,
)
