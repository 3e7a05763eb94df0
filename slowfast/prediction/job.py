"""What a run of the program predicts, checked before the first video is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slowfast.prediction.exchange import check_formats
from slowfast.prediction.model import Model
from slowfast.prediction.options import Postprocessing
from slowfast.prediction.pages import Pages
from slowfast.prediction.sharing import share
from slowfast.prediction.store import Store
from slowfast.prediction.videos.inputs import Input, find_inputs
from slowfast.prediction.videos.reading import check_window
from slowfast.prediction.videos.source import check_frame_rate
from slowfast.utils.command_line import check_folder


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
    check_folder(folder)
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
    return Job(model, tuple(own), store, processing, frames, pages, now(), exports)


def now() -> str:
    """The time as text, with its zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
