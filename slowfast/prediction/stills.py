"""Small pictures of bouts, one of the frame with the highest score of each.

They are kept as `videos/NAME/stills/FRAME.jpg`, so that other thresholds need no frame twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.prediction.store import replacing
from slowfast.prediction.videos.source import Source
from slowfast.utils import logging
from slowfast.visualization.page.pictures import to_jpeg

logger = logging.get_logger(__name__)

FOLDER = "stills"
SIDE = 300  # pixels of the longer side


def peak_frames(scores: VideoScores, bouts: Sequence[Bout], most: int) -> dict[Bout, int]:
    """Returns the frame with the highest score of bouts: the middle one of its cell.

    Of many bouts, each class gives its surest one, then its second, until there are `most`.
    """
    ranked: list[tuple[int, float, Bout]] = []
    of_class: dict[str, int] = {}
    for bout in sorted(bouts, key=lambda bout: -(bout.peak or 0)):
        rank = of_class[bout.label] = of_class.get(bout.label, -1) + 1
        ranked.append((rank, -(bout.peak or 0), bout))
    chosen = sorted(ranked, key=lambda entry: entry[:2])[:most]
    return {bout: _peak_frame(scores, bout) for *_, bout in chosen}


def _peak_frame(scores: VideoScores, bout: Bout) -> int:
    first, end = np.searchsorted(scores.frames, (bout.first_frame, bout.last_frame + 1)).tolist()
    own = scores.scores[first:end, scores.classes.index(bout.label)]
    if not len(own) or np.isnan(own).all():
        return (bout.first_frame + bout.last_frame) // 2
    cell = first + int(np.nanargmax(own))
    return int(scores.frames[cell] + scores.frames[cell + 1] - 1) // 2


def missing_stills(folder: Path, frames: Mapping[Bout, int]) -> list[int]:
    """Returns the frames, ascending, that have no picture in the folder of a video."""
    return sorted({frame for frame in frames.values() if not _path(folder, frame).is_file()})


def remove_stills(folder: Path) -> None:
    """Removes the pictures in the folder of a video, which has changed."""
    for path in (folder / FOLDER).glob("*.jpg"):
        path.unlink(missing_ok=True)


def write_stills(folder: Path, source: Source, frames: Sequence[int]) -> None:
    """Writes the pictures of ascending frames into the folder of a video.

    A frame that does not decode has no picture. That is logged, and raises nothing.
    """
    step = source.counted / (len(source.times) - 1)
    counted = [min(source.counted - 1, round(frame * step)) for frame in frames]
    try:
        # Frames can share a counted one; a reader gives each counted frame once.
        distinct = sorted(set(counted))
        pixels = zip(distinct, source.frames(distinct), strict=False)
        jpegs = {number: to_jpeg(frame, SIDE) for number, frame in pixels}
        for frame, number in zip(frames, counted, strict=True):
            if number in jpegs:
                _path(folder, frame).parent.mkdir(parents=True, exist_ok=True)
                with replacing(_path(folder, frame)) as file:
                    file.write(jpegs[number])
    except Exception as error:  # the scores matter more than a picture
        logger.warning(f"{folder.name}: has no pictures of bouts ({type(error).__name__}: {error})")


class StillFiles(Mapping[Bout, bytes]):
    """The JPEG files of bouts, each read when it is asked for.

    Args:
        paths: by bout; see `below`.
    """

    def __init__(self, paths: Mapping[Bout, Path]) -> None:
        self._paths = paths

    @staticmethod
    def below(folder: Path, frames: Mapping[Bout, int]) -> dict[Bout, Path]:
        """Returns the files of bouts of a video that have one."""
        paths = {bout: _path(folder, frame) for bout, frame in frames.items()}
        return {bout: path for bout, path in paths.items() if path.is_file()}

    @staticmethod
    def within(folder: Path, scores: VideoScores, bouts: Sequence[Bout]) -> dict[Bout, Path]:
        """Returns, of the files of a video, the one with the highest score in each bout."""
        files = sorted((folder / FOLDER).glob("*.jpg"))
        frames = np.array([int(file.stem) for file in files])
        cells = np.searchsorted(scores.frames, frames, side="right") - 1
        known = (cells >= 0) & (cells < len(scores.scores))
        found = {}
        for bout in bouts:
            inside = known & (frames >= bout.first_frame) & (frames <= bout.last_frame)
            if bout.label in scores.classes and inside.any():
                own = scores.scores[cells[inside], scores.classes.index(bout.label)]
                best = int(np.nan_to_num(own, nan=-1).argmax())
                found[bout] = files[np.flatnonzero(inside)[best]]
        return found

    def __getitem__(self, bout: Bout) -> bytes:
        return self._paths[bout].read_bytes()

    def __iter__(self) -> Iterator[Bout]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _path(folder: Path, frame: int) -> Path:
    return folder / FOLDER / f"{frame:07d}.jpg"
