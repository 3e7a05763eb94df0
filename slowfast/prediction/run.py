"""A prediction from its first video to its tables.

Each video belongs to one process, which writes its scores, tables and pictures.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.prediction.files import Predicted
from slowfast.prediction.job import Job, now
from slowfast.prediction.outputs import (
    write_other_formats,
    write_pages,
    write_together,
    write_video,
)
from slowfast.prediction.scoring import ReadAhead, Scorer, class_scores
from slowfast.prediction.sharing import is_last, share
from slowfast.prediction.store import VideoRecord
from slowfast.prediction.videos.inputs import Input
from slowfast.prediction.videos.reading import OpenVideo, Reading
from slowfast.utils import distributed, logging
from slowfast.utils.plural import count
from slowfast.utils.processes.launch import DEFAULT_INIT_METHOD, launch_job
from slowfast.utils.progress import progress_bar

logger = logging.get_logger(__name__)


def predict(job: Job) -> int:
    """Scores the videos of a job that have no scores yet, and writes all tables.

    Returns:
        The exit status: 0; or 1 if a video of the job could not be read, or only in part.
    """
    if not all(map(job.store.has_finished, job.videos)):
        launch_job(job.model.cfg, DEFAULT_INIT_METHOD, partial(_predict_part, job))
    else:
        logging.setup_logging(job.store.folder)
        logger.info(f"All {count(len(job.videos), 'video')} have scores already.")
    if not is_last("predicted"):
        return 0
    write_together(job)
    page = write_pages(job)
    write_other_formats(job)
    return _report(job, page)


def _predict_part(job: Job, cfg: CfgNode) -> None:
    """Scores the videos of this process."""
    logging.setup_logging(job.store.folder)
    rank, size = distributed.get_rank(), distributed.get_world_size()
    own = share(job.videos, rank, size)
    todo = [video for video in own if not job.store.has_finished(video)]
    if len(todo) < len(own):
        logger.info(f"{len(own) - len(todo)} of {count(len(own), 'video')} have scores already.")
    if not todo:
        return
    task, precision = job.model.load()
    reading = Reading.from_cfg(cfg)
    ahead = ReadAhead([_begin(job, video) for video in todo], reading.read, reading.threads)
    maximum = cfg.DATA.ENSEMBLE_METHOD == "max"
    scorer = Scorer(
        class_scores(task, precision, job.model.classes.predicted),
        precision.device,
        cfg.PREDICT.BATCH_SIZE,
        combine=lambda crops: crops.amax(dim=1) if maximum else crops.mean(dim=1),
    )
    bar = progress_bar(sum(video.size for video in todo) // 1000, "prediction", unit="kB")
    begin, seconds = time.perf_counter(), 0.0
    for open_video, scores in scorer.run(iter(ahead)):
        if scores is not None:
            open_video.part.append(scores.numpy())
            share_done = len(scores) / len(open_video.windows.starts)
            bar.update(open_video.video.size * share_done / 1000)
        else:
            seconds += _finish(job, open_video)
    bar.close()
    if seconds:
        taken = time.perf_counter() - begin
        logger.info(_speed_line(seconds, taken, ahead.waited, precision.device.type))


def _begin(job: Job, video: Input) -> OpenVideo:
    part = job.store.part(video, len(job.model.classes.predicted))
    return OpenVideo(video, part, time.perf_counter())


def _finish(job: Job, opened: OpenVideo) -> float:
    """Writes the record and the tables of a video. Returns the seconds that were scored."""
    video, source = opened.video, opened.source
    scores, times, frames = opened.part.read(), np.zeros(1), np.zeros(1, np.int64)
    frame_times = times
    if opened.windows is not None:
        missing = len(opened.windows.starts) - len(scores)
        scores = np.pad(scores, ((0, missing), (0, 0)), constant_values=np.nan)
        times, frames = source.edges(opened.sampling.edges(source.counted))
        frame_times = source.times
    record = VideoRecord(
        *(video.path, video.name, video.version, opened.problem),
        *(time.perf_counter() - opened.begun, now()),
        *(opened.windows, times, frames, frame_times, scores),
    )
    job.store.write(record)
    predicted = Predicted.make(record, job.model.classes.predicted_names, job.processing)
    write_video(job, predicted)
    job.pages.begin_anew(job.store.folder_of(video.name))
    if source is not None:
        job.pages.prepare(predicted, job.store.folder_of(video.name), lambda: source)
    about = predicted.summary()
    if opened.problem:
        logger.warning(opened.problem)
    if opened.windows is None:
        return 0.0
    logger.info(
        f"{video.path}: {about['scored_seconds']:g} s in {count(about['scored_windows'], 'window')}"
        f", {count(about['bouts'], 'bout')}"
    )
    return about["scored_seconds"]


def _speed_line(video_seconds: float, seconds: float, waited: float, device: str) -> str:
    speed = video_seconds / max(seconds, 1e-9)
    share_waited = waited / max(seconds, 1e-9)
    name = "GPU" if device == "cuda" else "CPU"
    bound = (
        f"Reading the videos was the bottleneck: {share_waited:.0%} of the time the network waited "
        "for frames. More PREDICT.WORKERS, or processes, read more videos at once."
        if share_waited > 0.3
        else f"The network on the {name} was the bottleneck: {share_waited:.0%} of the time it "
        "waited for frames."
    )
    return (
        f"{video_seconds:.1f} s of video in {seconds:.1f} s, {speed:.1f} times real time. {bound}"
    )


def _report(job: Job, page: Path | None) -> int:
    """Prints where the results are and which videos could not be read. Returns the exit status."""
    records = {video.path: job.store.record(video) for video in job.videos}
    broken = [path for path, record in records.items() if record is None or record.problem]
    read = [record for record in records.values() if record and record.windows is not None]
    shown = f", {page} shows them" if page else ""
    bouts = job.store.folder / "bouts.csv"
    if read:
        print(f"{count(len(read), 'video')}: {bouts} has the bouts{shown}.")
    if not broken:
        return 0
    print(f"\n{count(len(broken), 'video')} could not be read, or only in part:", file=sys.stderr)
    for path in broken:
        record = records[path]
        problem = record.problem if record else "it has no scores; run the same command again."
        text = problem if path in problem else f"{path}: {problem}"
        kept = int(record.scored.sum()) if record else 0
        print(f"  {text} Scored: {count(kept, 'window')}.", file=sys.stderr)
    return 1
