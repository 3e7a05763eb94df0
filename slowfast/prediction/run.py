"""A prediction from its first video to its tables.

Processes and shards share the videos by their sizes, without talking to each other. Each video
belongs to one process, which writes its scores; when a process ends, it joins the tables of all
videos that have scores.
"""

from __future__ import annotations

import heapq
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fvcore.common.config import CfgNode

from slowfast.ak.clips.from_cfg import decoding_from_cfg, image_range
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.images import ValueRange
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.run.cores import available_cores, processes_of_machine, reading_workers
from slowfast.ethograms.windows import Windows
from slowfast.prediction.exchange import check_formats, write_exports
from slowfast.prediction.files import Predicted, write_summary, write_tables
from slowfast.prediction.inputs import Input, find_inputs, given_again
from slowfast.prediction.model import Model
from slowfast.prediction.options import Postprocessing
from slowfast.prediction.pages import Pages, Video
from slowfast.prediction.scoring import ReadAhead, Scorer, class_scores
from slowfast.prediction.source import Source, check_frame_rate, open_source
from slowfast.prediction.store import Part, Store, VideoRecord
from slowfast.prediction.stream import Block, FrameSampling, blocks
from slowfast.utils import distributed, logging
from slowfast.utils.plural import count
from slowfast.utils.processes import torchrun
from slowfast.utils.processes.launch import DEFAULT_INIT_METHOD, launch_job
from slowfast.utils.progress import progress_bar
from slowfast.utils.run_folder.run_record import environment

logger = logging.get_logger(__name__)

_CHECK_SECONDS = 1


@dataclass(frozen=True)
class Job:
    """What a run of the program predicts.

    Attributes:
        videos: of this shard.
        frames: whether tables with a row for each frame are written.
        pages: what the pages have.
        exports: formats of other programs that the bouts are written in too.
        started: when, as text.
    """

    model: Model
    videos: tuple[Input, ...]
    store: Store
    processing: Postprocessing
    frames: bool
    pages: Pages
    started: str
    exports: tuple[str, ...] = ()


def prepare(
    model: Model,
    given: Sequence[str],
    folder: Path,
    shard: tuple[int, int] = (1, 1),
    frames: bool = False,
    exports: Sequence[str] = (),
) -> Job:
    """Finds the videos and checks everything that can be checked before the first is read.

    Args:
        given: what the user names: files, folders, patterns, lists.
        folder: of the results.
        shard: this part, from 1, and the number of parts.
        exports: names of formats in `slowfast.data_tools.exchange.WRITERS`.

    Raises:
        UserError: there is no video, or something does not fit.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: is a file; name a folder.")
    exports = check_formats(exports)
    store = Store(folder)
    check_window(model.cfg)
    videos = find_inputs(given, without=folder, known=store.names())
    for video in videos:
        check_frame_rate(video, model.cfg.PREDICT.FRAME_RATE)
    processing = Postprocessing.from_model(model)
    own = share(videos, shard[0] - 1, shard[1])
    pages = Pages.from_cfg(model.cfg, f"Weights: {model.path}")
    pages.check()
    store = store.of_run(model)
    return Job(model, tuple(own), store, processing, frames, pages, _now(), exports)


def check_window(cfg: CfgNode) -> None:
    """Raises UserError if it is not known how long a window of a video is."""
    if cfg.DATA.SAMPLING == "uniform" and not cfg.PREDICT.WINDOW:
        raise UserError(
            "DATA.SAMPLING uniform takes frames from whole clips, and a video has no clips. Add "
            "PREDICT.WINDOW and the usual length of the training clips in seconds."
        )


def share(videos: Sequence[Input], part: int, parts: int) -> list[Input]:
    """Returns the videos of one of several parts, which take about the same time.

    The largest video goes first, each to the part that has least so far.
    """
    loads = [(0, number) for number in range(parts)]
    own = []
    for video in sorted(videos, key=lambda video: (-video.size, video.name)):
        load, number = heapq.heappop(loads)
        heapq.heappush(loads, (load + max(1, video.size), number))
        if number == part:
            own.append(video)
    order = {video.name: number for number, video in enumerate(videos)}
    return sorted(own, key=lambda video: order[video.name])


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
    page = _write_pages(job)
    _write_exports(job)
    return _report(job, page)


def is_last(work: str) -> bool:
    """Waits for the other processes of torchrun, which ends all of them when one fails.

    Args:
        work: what the processes have done, a different text for each piece of work.

    Returns:
        Whether this process writes what belongs to all of them.
    """
    run = torchrun.current()
    if run is None:
        return True
    run.store.set(f"{work} {run.rank}", "")
    names = [f"{work} {rank}" for rank in range(run.world_size)]
    while not run.store.check(names):
        time.sleep(_CHECK_SECONDS)
    return run.rank == 0


# ------------------------------------------------------------------ one process


@dataclass
class OpenVideo:
    """A video that is being scored.

    Attributes:
        part: its scores so far.
        begun: when, in seconds.
        source, sampling, windows: None until it has been opened.
        problem: what is wrong with it.
    """

    video: Input
    part: Part
    begun: float
    source: Source | None = None
    sampling: FrameSampling | None = None
    windows: Windows | None = None
    problem: str = ""

    def __hash__(self) -> int:
        return id(self)


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
        logger.info(_closing(seconds, taken, ahead.waited, precision.device.type))


def _begin(job: Job, video: Input) -> OpenVideo:
    part = job.store.part(video, len(job.model.classes.predicted))
    return OpenVideo(video, part, time.perf_counter())


@dataclass(frozen=True)
class Reading:
    """How the windows of videos are read.

    Attributes:
        decoding: with the rate at which frames are counted.
        stride, window: seconds; 0: half a window, and as many frames as dense sampling spans.
        size: windows of a block.
        threads: videos that are decoded at the same time.
    """

    decoding: Any
    num_frames: int
    sampling_rate: int
    uniform: bool
    crops: UniformCrops
    stride: float
    window: float
    images_per_second: float
    value_range: ValueRange
    size: int
    threads: int

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Reading:
        """Reads DATA.* and PREDICT.*."""
        data, predict = cfg.DATA, cfg.PREDICT
        free = reading_workers(available_cores(), processes_of_machine(cfg), cfg.NUM_GPUS > 0)
        return cls(
            decoding_from_cfg(cfg, facts_for(cfg)),
            data.NUM_FRAMES,
            data.SAMPLING_RATE,
            data.SAMPLING == "uniform",
            UniformCrops(data.TEST_CROP_SIZE, predict.SPATIAL_CROPS),
            predict.STRIDE,
            predict.WINDOW,
            predict.FRAME_RATE,
            image_range(cfg),
            max(1, predict.BATCH_SIZE // predict.SPATIAL_CROPS),
            free if predict.WORKERS < 0 else max(1, predict.WORKERS),
        )

    def open(self, video: Input) -> Source:
        """Opens a video. Raises BadClip if it cannot be read."""
        return open_source(video, self.decoding, self.images_per_second, self.value_range)

    def plan(self, source: Source) -> tuple[FrameSampling, Windows]:
        """The frames of windows, and the windows of a video."""
        rate = self.sampling_rate
        if self.uniform:
            rate = max(1, round(self.window * source.rate / self.num_frames))
        sampling = FrameSampling(self.num_frames, rate, rate // 2 if self.uniform else 0)
        stride = self.num_frames // 2
        if self.stride:
            stride = round(self.stride * source.rate / rate)
        return sampling, Windows(sampling.cells(source.counted), self.num_frames, max(1, stride))

    def read(self, opened: OpenVideo) -> Iterator[Block]:
        """Opens a video and yields its windows that have no scores yet.

        What is wrong with the video is noted and raises nothing.

        Raises:
            UserError: no video can be read, as when a library is missing.
        """
        opened.begun = time.perf_counter()
        try:
            source = opened.source = self.open(opened.video)
            opened.sampling, opened.windows = self.plan(source)
            indices = opened.sampling.indices(opened.windows, source.counted)
            first = min(len(opened.part.read()), len(indices))
            yield from blocks(indices, source.frames, self.crops, self.size, first)
            opened.problem = source.problem
        except BadClip as error:
            opened.problem = str(error)
        except UserError:
            raise
        except Exception as error:  # a file can be broken in any way, and others wait
            opened.problem = (
                f"{opened.video.path}: cannot be read ({type(error).__name__}: {error})"
            )


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
        *(time.perf_counter() - opened.begun, _now()),
        *(opened.windows, times, frames, frame_times, scores),
    )
    job.store.write(record)
    predicted = Predicted.make(record, job.model.classes.predicted_names, job.processing)
    _write_video(job, predicted)
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


def _closing(video_seconds: float, seconds: float, waited: float, device: str) -> str:
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


# ------------------------------------------------------------------ the tables and pages


def _write_video(job: Job, predicted: Predicted) -> None:
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
                _write_video(job, predicted)
            yield predicted

    state = None
    while state != (state := job.store.state()):
        videos = write_tables(job.store.folder, all_videos(), classes, job.frames)
        problems = sum(video["problem"] is not None for video in videos)
        summary = {**about, "finished": _now(), "videos_with_problems": problems, "videos": videos}
        write_summary(job.store.folder / "summary.json", summary)


def _write_pages(job: Job) -> Path | None:
    """Writes the pages of all videos; a failure causes a warning, since the tables are complete."""
    classes = job.model.classes.predicted_names
    reading = Reading.from_cfg(job.model.cfg)

    def again(name: str) -> Predicted:
        return Predicted.make(job.store.named(name), classes, job.processing)

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


def _write_exports(job: Job) -> None:
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


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
