"""What a prediction keeps of each video, so that a run can be stopped, go on and be read again.

    OUT/run.json                  which network and which windows made the scores
    OUT/videos/NAME/scores.npz    the scores of the windows of a finished video, and its cells
    OUT/videos/NAME/*.part        the scores of the windows that were scored before a stop

Bouts, budgets and tables follow from these. Other thresholds therefore need no new scores.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.config.dotted import dotted_keys, get, show
from slowfast.ethograms.combine import combine_windows
from slowfast.ethograms.scores import VideoScores
from slowfast.ethograms.windows import Windows
from slowfast.prediction.model import Model
from slowfast.prediction.videos.inputs import Input
from slowfast.utils.files import atomic

RUN, VIDEOS, SCORES = "run.json", "videos", "scores.npz"
# Files that a prediction writes beside RUN, and that it would overwrite in a folder of others.
TABLES = ("windows.csv", "bouts.csv", "budget.csv", "frames.csv", "summary.json")

_ARRAYS = ("times", "frames", "frame_times", "scores")  # of a record

# Keys that the scores of windows depend on.
_SCORED_BY = (
    *("DATA.NUM_FRAMES", "DATA.SAMPLING", "DATA.TEST_CROP_SIZE", "DATA.TRAIN_CROP_SIZE"),
    *("DATA.MEAN", "DATA.STD", "DATA.REVERSE_INPUT_CHANNEL", "DATA.TARGET_FPS", "AK.IMAGE_RANGE"),
    *("DATA.ENSEMBLE_METHOD", "TRAIN.DATASET", "TRAIN.MIXED_PRECISION", "MODEL.", "RESNET."),
    *("SLOWFAST.", "X3D.", "NONLOCAL.", "BN.", "PREDICT.STRIDE", "PREDICT.WINDOW"),
    *("PREDICT.SPATIAL_CROPS", "PREDICT.FRAME_RATE"),
)


@dataclass(frozen=True)
class VideoRecord:
    """The scores of the windows of a finished video.

    Attributes:
        path, name, version: as in `Input`.
        problem: what was wrong with the video, in words; empty: nothing.
        seconds: that scoring took.
        finished: when, as text.
        windows: of the video; None if it could not be opened.
        times, frames: (G + 1,) edges of its cells; [0] if it could not be opened.
        frame_times: (F + 1,) seconds of its frames and of its end; [0] if it could not be opened.
        scores: (W, C) float32, NaN for a window that was not scored.
    """

    path: str
    name: str
    version: str
    problem: str
    seconds: float
    finished: str
    windows: Windows | None
    times: np.ndarray
    frames: np.ndarray
    frame_times: np.ndarray
    scores: np.ndarray

    @property
    def scored(self) -> np.ndarray:
        """(W,) whether each window was scored."""
        return ~np.isnan(self.scores).any(axis=1)

    def video_scores(self, classes: tuple[str, ...]) -> VideoScores:
        """The scores of the cells."""
        if self.windows is None:
            cells = np.zeros((0, len(classes)), np.float32)
        else:
            cells = combine_windows(self.scores, self.windows)
        return VideoScores(self.path, classes, self.times, self.frames, cells)


@dataclass(frozen=True)
class Store:
    """The folder of a prediction.

    Attributes:
        fingerprint: of what the scores depend on.
    """

    folder: Path
    fingerprint: str = ""

    # ------------------------------------------------------------------ the run

    def of_run(self, model: Model) -> Store:
        """Checks that the folder is empty or of the same run, and makes it the folder of this run.

        Raises:
            UserError: it has the results of other weights or windows, or files of somebody else.
        """
        settings = scored_by(model)
        path, has_scores = self.folder / RUN, (self.folder / VIDEOS).is_dir()
        if path.is_file() and has_scores:
            self._check_same(path, settings)
        else:
            found = [name for name in (*TABLES, VIDEOS) if (self.folder / name).exists()]
            if found:
                raise UserError(
                    f"--out {self.folder}: has {', '.join(found)}, but no {RUN}, so that a "
                    "prediction would overwrite files of another program. Name another folder."
                )
            write_text(path, json.dumps(settings, indent=2) + "\n")
        text = json.dumps(settings, sort_keys=True)
        return Store(self.folder, hashlib.sha256(text.encode()).hexdigest())

    def _check_same(self, path: Path, settings: dict[str, Any]) -> None:
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
            others = sorted(k for k in {*earlier, *settings} if earlier.get(k) != settings.get(k))
        except (OSError, ValueError, TypeError, AttributeError):
            raise UserError(
                f"{path}: cannot be read as the record of a prediction. Name another folder as "
                "--out, or delete this one."
            ) from None
        if others:
            lines = [
                f"  {key}: {show(earlier.get(key))} there, {show(settings.get(key))} here"
                for key in others[:8]
            ]
            raise UserError(
                f"--out {self.folder}: has the results of another run:\n"
                + "\n".join(lines)
                + "\nName another folder, or set these back to continue that run. (Thresholds, "
                "smoothing and rules for bouts can change in the same folder.)"
            )

    # ------------------------------------------------------------------ the videos

    def folder_of(self, name: str) -> Path:
        """The folder of a video."""
        return self.folder / VIDEOS / name

    def names(self) -> dict[str, str]:
        """The name of each video with scores, by its absolute path."""
        found = {}
        for path in self._scores():
            if about := _read_about(path):
                found[os.path.realpath(about["path"])] = about["name"]
        return found

    def state(self) -> dict[str, int]:
        """The time of the last change of the scores of each video, by the path of their file."""
        return {str(path): path.stat().st_mtime_ns for path in self._scores()}

    def _scores(self) -> list[Path]:
        return sorted((self.folder / VIDEOS).rglob(SCORES))

    def records(self) -> Iterator[VideoRecord]:
        """Yields the videos with scores, ordered by name. A damaged file counts as absent."""
        for path in self._scores():
            if record := _read_record(path):
                yield record

    def record_named(self, name: str) -> VideoRecord | None:
        """The record of the video with this name, if it has one."""
        return _read_record(self.folder_of(name) / SCORES)

    def record(self, video: Input) -> VideoRecord | None:
        """The record of a video, if it has one and the file has not changed since."""
        record = self.record_named(video.name)
        same = record is not None and record.version == video.version
        return record if same and record.path == video.path else None

    def has_finished(self, video: Input) -> bool:
        """Whether a video needs no scoring. A video that could not be opened is tried again."""
        record = self.record(video)
        return record is not None and record.windows is not None

    def write(self, record: VideoRecord) -> None:
        """Writes the record of a video, and removes the part of an earlier stop."""
        folder = self.folder_of(record.name)
        about = {**asdict(record), "windows": record.windows and asdict(record.windows)}
        arrays = {name: about.pop(name) for name in _ARRAYS}
        with replacing(folder / SCORES) as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
        for part in folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def part(self, video: Input, classes: int) -> Part:
        """The scores of a video that were kept before a stop."""
        text = f"{self.fingerprint} {video.version} {os.path.realpath(video.path)}"
        name = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
        return Part(self.folder_of(video.name) / f"{name}.part", classes)


@dataclass(frozen=True)
class Part:
    """The scores of the first windows of a video, in a file that grows.

    Attributes:
        classes: scores of a window.
    """

    path: Path
    classes: int

    def read(self) -> np.ndarray:
        """(n, C) float32: the scores of the first n windows. Removes what a crash cut off."""
        if not self.path.is_file():
            return np.zeros((0, self.classes), np.float32)
        data = self.path.read_bytes()
        whole = len(data) - len(data) % (4 * self.classes)
        if whole < len(data):
            os.truncate(self.path, whole)
        return np.frombuffer(data[:whole], np.float32).reshape(-1, self.classes).copy()

    def append(self, scores: np.ndarray) -> None:
        """Adds the scores (n, C) of the next windows. Raises UserError if it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(np.ascontiguousarray(scores, np.float32).tobytes())
        except OSError as error:
            raise atomic.cannot_be_written(self.path, error) from None


def predicted_by(folder: Path) -> str:
    """The digest of the weights that made a prediction.

    Raises:
        UserError: the folder has no prediction.
    """
    try:
        return str(json.loads((folder / RUN).read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder}: is no folder of tools/predict.py, which has {RUN}.") from None


def scored_by(model: Model) -> dict[str, Any]:
    """What the scores of windows depend on: weights, classes and settings, as plain values."""
    cfg = model.cfg
    keys = [key for key in dotted_keys(cfg) if key.startswith(_SCORED_BY)]
    settings = {"checkpoint": model.digest, "DATA.SAMPLING_RATE": cfg.DATA.SAMPLING_RATE}
    settings |= {key: get(cfg, key) for key in keys}
    # As JSON gives it back: tuples are lists there.
    return json.loads(json.dumps({**settings, "classes": model.classes.predicted_names}))


def _read_about(path: Path) -> dict[str, Any] | None:
    """The entries of a record beside its arrays; None if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            about = json.loads(str(content["about"]))
        about["windows"] = about["windows"] and Windows(**about["windows"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return about


def _read_record(path: Path) -> VideoRecord | None:
    about = _read_about(path)
    if about is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            return VideoRecord(**about, **{name: content[name] for name in _ARRAYS})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def read_thresholds_used(folder: Path) -> dict[str, float]:
    """Returns the threshold of each class behind the bouts of a folder; {} if it does not say."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return {str(name): float(v) for name, v in summary["processing"]["thresholds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Gives a file that takes the place of `path` at the end; several processes may do so at once.

    Raises:
        UserError: it cannot be written.
    """
    temporary = f"{path.name}.{platform.node()}-{os.getpid()}.tmp"
    with atomic.replacing(path, temporary) as file:
        yield file


def write_text(path: Path, text: str) -> None:
    """Replaces a text file, in UTF-8. Raises UserError if it cannot be written."""
    with replacing(path) as file:
        file.write(text.encode("utf-8", errors="surrogateescape"))
