"""The bouts of a prediction in the formats of other programs, such as a project of BORIS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.events import Event, Place
from slowfast.data_tools.exchange import WRITERS
from slowfast.data_tools.exchange.film import Film
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.segments.media import has_audio
from slowfast.ethograms.scores import Bout
from slowfast.prediction.files import Predicted
from slowfast.utils import logging

logger = logging.get_logger(__name__)

_NAME = "predicted"


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of formats, each once.

    Raises:
        UserError: there is no such format.
    """
    for name in names:
        if name not in WRITERS:
            hint = suggestion(name, WRITERS)
            raise UserError(
                f"--export {name}: expected one of {', '.join(sorted(WRITERS))}"
                + (f"; {hint}" if hint else "")
            )
    return tuple(dict.fromkeys(names))


def export_path(folder: Path, name: str) -> Path:
    """Returns the file of a format in the folder of a prediction, or its folder."""
    writer = WRITERS[name]
    if writer.one_file_each:
        return folder / name
    ending = writer.endings[0]
    return folder / (f"{_NAME}{ending}" if ending.startswith(".") else f"{_NAME}_{ending}")


def write_exports(
    folder: Path, videos: Iterable[Predicted], classes: Sequence[str], names: Sequence[str]
) -> list[Path]:
    """Writes the bouts of all videos in some formats, and returns the files or their folders.

    Raises:
        UserError: a format cannot hold the bouts, or a file cannot be written.
    """
    if not names:
        return []
    films = [film_of(video, folder) for video in videos if video.record.windows is not None]
    for film in films:
        if film.file is None:
            logger.warning(f"{film.name}: is no video file; other programs may not open it.")
    paths = []
    for name in names:
        report, path = Report(), export_path(folder, name)
        WRITERS[name].write(films, classes, path, report)
        for line in report.lines():
            logger.info(f"{path}: {line}")
        paths.append(path)
    return paths


def film_of(video: Predicted, folder: Path) -> Film:
    """Returns a video and its bouts, with the times of its frames."""
    record = video.record
    place = Place(folder / "bouts.csv", item=f"video {record.path!r}")
    file = Path(record.path)
    seconds, frames = float(record.times[-1]), int(record.frames[-1])
    return Film(
        record.path,
        [_event(bout, place) for bout in video.bouts],
        place=place,
        observation=record.name,
        file=file if file.is_file() else None,
        seconds=seconds,
        frames=frames,
        rate=round(frames / seconds, 3) if seconds else None,
        stamps=record.frame_times[:-1],
        has_audio=file.is_file() and has_audio(file),
    )


def _event(bout: Bout, place: Place) -> Event:
    return Event(
        place,
        bout.video,
        bout.label,
        bout.start,
        bout.stop,
        subject=bout.subject,
        mean=bout.mean,
        peak=bout.peak,
    )
