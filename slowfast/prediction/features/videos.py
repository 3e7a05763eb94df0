"""Features of the windows of videos."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.ak.errors import BadClip, UserError
from slowfast.data_tools.feature_files import UNREADABLE, WRITTEN, FeatureSet, RowWriter
from slowfast.prediction.features.vectors import Wanted, created, vectors_of
from slowfast.prediction.model import Model
from slowfast.prediction.scoring import ReadAhead, Scorer
from slowfast.prediction.sharing import is_last, share
from slowfast.prediction.videos.inputs import Input, find_inputs
from slowfast.prediction.videos.reading import OpenVideo, Reading, check_window
from slowfast.prediction.videos.source import check_frame_rate
from slowfast.utils import distributed, logging
from slowfast.utils.plural import count
from slowfast.utils.processes.launch import DEFAULT_INIT_METHOD, launch_job
from slowfast.utils.progress import progress_bar

logger = logging.get_logger(__name__)

NAME = "videos"


def extract_videos(model: Model, given: Sequence[str], folder: Path, wanted: Wanted) -> int:
    """Extracts the features of the windows of videos that have none yet.

    All videos are opened first, to count their windows.

    Args:
        given: what the user names: files, folders, patterns, lists.

    Returns:
        The exit status: 0; or 1 if a video could not be read, or only in part.

    Raises:
        UserError: there is no video, none can be read, or the folder has other features.
    """
    check_window(model.cfg)
    videos = find_inputs(given, without=folder)
    for video in videos:
        check_frame_rate(video, model.cfg.PREDICT.FRAME_RATE)
    lines, problems = _plan(model.cfg, videos)
    if not lines:
        found = "\n".join(f"  {problem}" for problem in problems.values())
        raise UserError(f"No video has a window that can be read:\n{found}")
    shape = wanted.shape(model, model.cfg.PREDICT.SPATIAL_CROPS)
    wanted.log_size(count(len(videos), "video"), len(lines), shape)
    versions = "\n".join(f"{video.path} {video.version}" for video in videos)
    digest = hashlib.sha256(versions.encode(errors="surrogateescape")).hexdigest()
    settings = {**wanted.settings(model), "videos and their last change": digest[:16]}
    columns = "video", "start_s", "end_s"
    make = partial(FeatureSet.create, folder, NAME, shape, wanted.dtype, settings, columns, lines)
    features = created(NAME, make)
    if not (features.states() == WRITTEN).all():
        job = partial(_extract_part, model, videos, features, wanted)
        launch_job(model.cfg, DEFAULT_INIT_METHOD, job)
    if not is_last("extracted"):
        return 0
    features.finish()
    states = features.states()
    unread = {line["video"] for line in features.index() if states[int(line["row"])] == UNREADABLE}
    for path in sorted({*problems, *unread}):
        logger.warning(problems.get(path) or f"{path}: the end could not be read; its rows are NaN")
    return 1 if problems or unread else 0


def _plan(cfg: CfgNode, videos: Sequence[Input]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """The lines (video, start_s, end_s) of all windows; and what is wrong with videos, by path."""
    reading, lines, problems = Reading.from_cfg(cfg), [], {}
    for video in videos:
        try:
            source = reading.open(video)
        except BadClip as error:
            problems[video.path] = str(error)
            continue
        sampling, windows = reading.plan(source)
        times, _ = source.edges(sampling.edges(source.counted))
        for start, stop in zip(times[windows.starts], times[windows.stops], strict=True):
            lines.append((video.path, f"{start:.3f}", f"{stop:.3f}"))
        if source.problem:
            problems[video.path] = source.problem
    return lines, problems


@dataclass(frozen=True)
class _Rows:
    """The rows of a video, as a prediction keeps its scores."""

    writer: RowWriter
    first: int
    count: int

    def read(self) -> range:
        """As many entries as rows are written, from the first on."""
        return range(self.writer.written(self.first, self.count))

    def append(self, values: np.ndarray) -> None:
        """Writes the next rows."""
        self.writer.put(self.first + len(self.read()), values)

    def end(self) -> None:
        """Marks the rows that could not be read."""
        done = len(self.read())
        if done < self.count:
            self.writer.leave_out(self.first + done, self.count - done)


def _extract_part(
    model: Model, videos: Sequence[Input], features: FeatureSet, wanted: Wanted, cfg: CfgNode
) -> None:
    """Extracts the features of the videos of this process."""
    logging.setup_logging(features.folder)
    rows: dict[str, list[int]] = {}
    for number, line in enumerate(features.index()):
        rows.setdefault(line["video"], []).append(number)
    writer = RowWriter(features)
    opened = [
        OpenVideo(video, _Rows(writer, rows[video.path][0], len(rows[video.path])), 0.0)
        for video in share(videos, distributed.get_rank(), distributed.get_world_size())
        if video.path in rows
    ]
    opened = [each for each in opened if len(each.part.read()) < each.part.count]
    task, precision = model.load()
    reading = Reading.from_cfg(cfg)
    ahead = ReadAhead(opened, reading.read, reading.threads)
    join = partial(_join_crops, tokens=wanted.tokens)
    scorer = Scorer(
        vectors_of(task, precision, wanted.tokens), precision.device, cfg.PREDICT.BATCH_SIZE, join
    )
    with progress_bar(sum(each.part.count for each in opened), "features", unit="window") as bar:
        for video, found in scorer.run(iter(ahead)):
            if found is not None:
                video.part.append(found.numpy())
                bar.update(len(found))
                continue
            video.part.end()
            if video.problem:
                logger.warning(video.problem)
    writer.close()


def _join_crops(crops: Tensor, tokens: bool) -> Tensor:
    """Features (n, S, P, C) of S crops -> their mean (n, C), or the positions of all (n, SP, C)."""
    return crops.flatten(1, 2) if tokens else crops.mean(dim=(1, 2))
