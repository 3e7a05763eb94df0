"""What a prediction writes: tables and summaries, pages, and files for other programs.

When a process ends, it joins the tables of all videos that have scores.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from slowfast.ak.errors import UserError
from slowfast.prediction.exchange import write_exports
from slowfast.prediction.files import Predicted, write_summary, write_tables
from slowfast.prediction.job import Job, now
from slowfast.prediction.pages import Video
from slowfast.prediction.videos.inputs import given_again
from slowfast.prediction.videos.reading import Reading
from slowfast.utils import logging
from slowfast.utils.run_folder.run_record import environment

logger = logging.get_logger(__name__)


def write_video(job: Job, predicted: Predicted) -> None:
    """Writes the tables and the summary of one video into its folder."""
    folder = job.store.folder_of(predicted.record.name)
    classes = job.model.classes.predicted_names
    (summary,) = write_tables(folder, [predicted], classes, job.frames)
    write_summary(folder / "summary.json", {**summary, **_about(job)})


def write_together(job: Job) -> None:
    """Writes the tables and the summary of all videos of the folder.

    Another shard can finish a video meanwhile. Then the tables are written once more, so that the
    last process to end leaves the tables of all videos.
    """
    classes = job.model.classes.predicted_names
    about = {
        **_about(job),
        "classes": list(classes),
        "classes_without_training_clips": list(job.model.classes.without_clips),
        "training_clips": job.model.classes.training_clips,
        "command": shlex.join(["python", *sys.argv]),
        "configuration": yaml.safe_load(job.model.cfg.dump()),
        "environment": environment(),
        "started": job.started,
    }

    def all_videos() -> Iterator[Predicted]:
        for record in job.store.records():
            predicted = Predicted.make(record, classes, job.processing)
            if not _is_current(job, predicted):
                write_video(job, predicted)
            yield predicted

    state = None
    while state != (state := job.store.state()):
        videos = write_tables(job.store.folder, all_videos(), classes, job.frames)
        problems = sum(video["problem"] is not None for video in videos)
        summary = {**about, "finished": now(), "videos_with_problems": problems, "videos": videos}
        write_summary(job.store.folder / "summary.json", summary)


def write_pages(job: Job) -> Path | None:
    """Writes the pages of all videos; a failure causes a warning, since the tables are complete."""
    classes = job.model.classes.predicted_names
    reading = Reading.from_cfg(job.model.cfg)

    def again(name: str) -> Predicted:
        return Predicted.make(job.store.record_named(name), classes, job.processing)

    videos = [
        Video(
            partial(again, record.name),
            job.store.folder_of(record.name),
            partial(reading.open, given_again(record.path, record.name)),
        )
        for record in job.store.records()
        if record.windows is not None
    ]
    thresholds = dict(zip(classes, map(float, job.processing.rules.thresholds), strict=True))
    try:
        return job.pages.write(job.store.folder, videos, thresholds)
    except Exception as error:  # any failure: the tables matter more than the pages
        words = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        logger.warning(f"The pages are not complete, but all tables are: {words}")
        return None


def write_other_formats(job: Job) -> None:
    """Writes the bouts of all videos in the formats of other programs."""
    classes = job.model.classes.predicted_names
    videos = (Predicted.make(each, classes, job.processing) for each in job.store.records())
    for path in write_exports(job.store.folder, videos, classes, job.exports):
        logger.info(f"{path} has the bouts too.")


def _is_current(job: Job, predicted: Predicted) -> bool:
    """Whether the tables of a video were written with the present rules."""
    folder = job.store.folder_of(predicted.record.name)
    wanted = ["windows.csv", "bouts.csv", "budget.csv", *(["frames.csv"] if job.frames else [])]
    try:
        text = (folder / "summary.json").read_text(encoding="utf-8", errors="surrogateescape")
        summary = json.loads(text)
    except (OSError, ValueError):
        return False
    same = {**predicted.summary(), **_about(job)} == summary
    return same and all((folder / name).is_file() for name in wanted)


def _about(job: Job) -> dict[str, Any]:
    model = job.model
    return {
        "checkpoint": {"path": model.path, "sha256": model.digest},
        "processing": job.processing.as_dict(model.classes.predicted_names),
    }
