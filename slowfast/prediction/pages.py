"""The pages of a prediction: pictures of bouts, copies that browsers play, and the ethogram."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.ak.errors import BadClip, UserError
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.prediction.copies import COPY, is_playable, write_copy
from slowfast.prediction.files import Predicted
from slowfast.prediction.stills import (
    StillFiles,
    missing_stills,
    peak_frames,
    remove_stills,
    write_stills,
)
from slowfast.prediction.videos.source import Source
from slowfast.utils import logging

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Video:
    """A video whose page is written.

    Attributes:
        predict: gives its results; they are not kept, since there can be many videos.
        folder: of its results.
        open: opens it, to read pictures.
    """

    predict: Callable[[], Predicted]
    folder: Path
    open: Callable[[], Source]


@dataclass(frozen=True)
class Pages:
    """What the pages of a prediction have.

    Attributes:
        wanted: whether there are pages.
        stills: the most pictures of bouts of a video.
        copies: whether a video that browsers cannot play gets a copy.
        picture: file name of the picture of all videos; empty: none.
        about: a line below the heading of the overview.
    """

    wanted: bool
    stills: int
    copies: bool
    picture: str
    about: str

    @classmethod
    def from_cfg(cls, cfg: CfgNode, about: str) -> Pages:
        """Reads PREDICT.PAGES, STILLS, PLAYABLE_COPIES and PICTURE."""
        predict = cfg.PREDICT
        return cls(predict.PAGES, predict.STILLS, predict.PLAYABLE_COPIES, predict.PICTURE, about)

    def check(self) -> None:
        """Raises UserError if the picture has an unknown format."""
        if self.wanted and Path(self.picture).suffix not in ("", ".png", ".pdf", ".svg"):
            from slowfast.visualization.ethogram.picture import check_ending  # imports matplotlib

            check_ending(self.picture)

    @staticmethod
    def begin_anew(folder: Path) -> None:
        """Removes the pictures and the copy of an earlier video of the same name."""
        remove_stills(folder)
        (folder / COPY).unlink(missing_ok=True)

    def prepare(self, predicted: Predicted, folder: Path, source: Callable[[], Source]) -> None:
        """Writes the pictures and the copy of a video that are still missing.

        What cannot be read is logged; the page is complete without it.
        """
        if not self.wanted:
            return
        frames = peak_frames(predicted.scores, predicted.bouts, self.stills)
        if missing := missing_stills(folder, frames):
            try:
                write_stills(folder, source(), missing)
            except (BadClip, UserError) as error:
                logger.warning(f"There are no pictures of bouts: {error}")
        path = Path(predicted.record.path)
        if self.copies and path.is_file() and not (is_playable(path) or (folder / COPY).is_file()):
            try:
                write_copy(path, folder / COPY)
            except UserError as error:
                logger.warning(str(error))

    def write(
        self, out: Path, videos: Iterable[Video], thresholds: Mapping[str, float]
    ) -> Path | None:
        """Writes the pages of all videos, and returns the overview; None if there are no pages.

        Raises:
            UserError: a page cannot be written.
        """
        if not self.wanted:
            return None
        from slowfast.visualization.ethogram import write_ethogram  # it imports matplotlib

        videos = list(videos)
        bouts: list[Bout] = []
        files: dict[Bout, Path] = {}
        media: dict[str, Path | None] = {}
        for video in videos:
            predicted = video.predict()
            self.prepare(predicted, video.folder, video.open)
            bouts += predicted.bouts
            frames = peak_frames(predicted.scores, predicted.bouts, self.stills)
            files |= StillFiles.below(video.folder, frames)
            if (video.folder / COPY).is_file():
                media[predicted.record.path] = video.folder / COPY
        scores: Iterable[VideoScores] = (video.predict().scores for video in videos)
        return write_ethogram(
            out,
            scores,
            bouts,
            stills=StillFiles(files),
            thresholds=thresholds,
            media=media,
            title="Predictions",
            what=self.about,
            picture=self.picture,
        )
