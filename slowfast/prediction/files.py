"""The tables of a prediction, of one video or of several, and their summaries.

Times are seconds from the first frame of a video, and frames count from 0. A bout lasts from
`start_s` up to, and without, `stop_s`; `last_frame` belongs to it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.data_tools.events.intervals import BOUT_COLUMNS
from slowfast.ethograms.budget import scored_seconds, time_budget
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.prediction.options import Postprocessing
from slowfast.prediction.store import VideoRecord, replacing, write_text

BUDGET_COLUMNS = (
    *("video", "class", "seconds", "share", "bouts", "mean_bout_s", "longest_bout_s"),
)


@dataclass(frozen=True)
class Predicted:
    """The results of a video.

    Attributes:
        scores: of its cells, smoothed.
        bouts: that follow from them.
    """

    record: VideoRecord
    scores: VideoScores
    bouts: list[Bout]

    @classmethod
    def make(
        cls, record: VideoRecord, classes: tuple[str, ...], processing: Postprocessing
    ) -> Predicted:
        """Computes the results from the scores of windows."""
        return cls(record, *processing.apply(record.video_scores(classes)))

    def summary(self) -> dict[str, Any]:
        """What the summaries say of the video. A time that is not known is None."""
        record, opened = self.record, self.record.windows is not None
        return {
            "video": record.path,
            "name": record.name,
            "seconds": _rounded(self.scores.seconds) if opened else None,
            "frames": int(self.scores.frames[-1]) if opened else None,
            "scored_seconds": _rounded(scored_seconds(self.scores)),
            "windows": len(record.scores),
            "scored_windows": int(record.scored.sum()),
            "bouts": len(self.bouts),
            "problem": record.problem or None,
            "finished": record.finished,
            "took_seconds": _rounded(record.seconds),
        }


def write_tables(
    folder: Path, predicted: Iterable[Predicted], classes: Sequence[str], frames: bool = False
) -> list[dict[str, Any]]:
    """Writes windows.csv, bouts.csv, budget.csv and, if wanted, frames.csv of some videos.

    One video after the other is asked for, so that not all have to be in memory.

    Returns:
        the summaries of the videos.
    """
    names = ["windows.csv", "bouts.csv", "budget.csv", *(["frames.csv"] if frames else [])]
    summaries = []
    with _tables(folder, names) as (windows, bouts, budget, *each_frame):
        windows.writerow(["video", "start_s", "end_s", *classes])
        bouts.writerow(BOUT_COLUMNS)
        budget.writerow(BUDGET_COLUMNS)
        for table in each_frame:
            table.writerow(["video", "frame", "time_s", *classes])
        for video in predicted:
            windows.writerows(_window_rows(video.record))
            bouts.writerows(map(_bout_row, video.bouts))
            budget.writerows(_budget_rows(video, classes))
            for table in each_frame:
                table.writerows(_frame_rows(video))
            summaries.append(video.summary())
    return summaries


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Writes a summary as JSON."""
    write_text(path, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def _tables(folder: Path, names: Sequence[str]) -> Iterator[list[Any]]:
    """Gives writers of CSV files, which replace earlier files together at the end."""
    with ExitStack() as stack:
        texts = []
        for name in names:
            file = stack.enter_context(replacing(folder / name))
            texts.append(io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline=""))
        yield [csv.writer(text, lineterminator="\n") for text in texts]
        for text in texts:
            text.flush()
            text.detach()


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _score(value: float) -> str:
    """A score with six digits; empty where there is none."""
    return "" if np.isnan(value) else f"{value:.6g}"


def _window_rows(record: VideoRecord) -> Iterator[list[str]]:
    if record.windows is None:
        return
    starts, stops = record.windows.starts, record.windows.stops
    for start, stop, scores in zip(starts, stops, record.scores.tolist(), strict=True):
        times = _time(record.times[start]), _time(record.times[stop])
        yield [record.path, *times, *map(_score, scores)]


def _bout_row(bout: Bout) -> list[Any]:
    return [
        *(bout.video, bout.subject, bout.label, _time(bout.start), _time(bout.stop)),
        *(bout.first_frame, bout.last_frame),
        *("" if value is None else _score(value) for value in (bout.mean, bout.peak)),
    ]


def _budget_rows(video: Predicted, classes: Sequence[str]) -> Iterator[list[Any]]:
    scored = scored_seconds(video.scores)
    for row in time_budget(video.bouts, classes, scored, video.scores.video):
        share = "" if row.share is None else f"{row.share:.6g}"
        lengths = row.mean_seconds, row.longest_seconds
        shown = ["" if length is None else _time(length) for length in lengths]
        yield [row.video, row.label, _time(row.seconds), share, row.bouts, *shown]


def _frame_rows(predicted: Predicted) -> Iterator[list[Any]]:
    """One row for each frame, with the scores of its cell."""
    video, times = predicted.scores, predicted.record.frame_times
    if not len(video.scores):
        return
    # Cells can be shorter than a frame: the last one that begins with the frame stands for it.
    frames = np.arange(video.frames[-1])
    cells = np.searchsorted(video.frames[:-1], frames, side="right") - 1
    for frame, scores in enumerate(video.scores[cells].tolist()):
        yield [video.video, frame, _time(times[frame]), *map(_score, scores)]
