"""The names of the files in OUTPUT_DIR/checkpoints, and their order from new to old.

Upstream resumes from the last file whose name contains "checkpoint". Therefore only the files of
finished epochs have such a name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Progress(NamedTuple):
    """How far the run had come when it wrote a file. Later progress compares as greater.

    Attributes:
        epochs: number of finished epochs.
        iterations: iterations done in the epoch after them.
        is_checkpoint: whether the file was written at the end of an epoch.
    """

    epochs: int
    iterations: int
    is_checkpoint: bool


def get_checkpoint_dir(path_to_job: str | Path) -> str:
    """Returns the folder of checkpoints in OUTPUT_DIR (`path_to_job`)."""
    return str(Path(path_to_job) / "checkpoints")


def get_path_to_checkpoint(path_to_job: str | Path, epoch: int, task: str = "") -> str:
    """Returns the path of an epoch's checkpoint; `epoch` counts from 1."""
    return _path(path_to_job, task, f"checkpoint_epoch_{epoch:05d}.pyth")


def get_path_to_unfinished(
    path_to_job: str | Path, epoch: int, iteration: int, task: str = ""
) -> str:
    """Returns the path of the state within an epoch (from 1) after `iteration` iterations."""
    name = f"unfinished_epoch_{epoch:05d}_iteration_{iteration:06d}.pyth"
    return _path(path_to_job, task, name)


def get_path_to_best(path_to_job: str | Path) -> str:
    """Returns the path of the best evaluation's weights. A run does not resume from this file."""
    return _path(path_to_job, "", "best.pyth")


def get_path_to_evaluations(path_to_job: str | Path) -> str:
    """Returns the path of the file that names the last and the best evaluation."""
    return _path(path_to_job, "", "evaluations.json")


def path_to_digest(path: Path) -> Path:
    """Returns the path of the digest of a weight file, for example ``epoch_00003.sha256``."""
    return path.with_name(path.stem.replace("checkpoint_", "") + ".sha256")


def _path(path_to_job: str | Path, task: str, name: str) -> str:
    return str(Path(get_checkpoint_dir(path_to_job), f"{task}_{name}" if task else name))


def progress_in_name(path: Path, task: str = "") -> Progress | None:
    """Returns the progress that a file name states; None for a name of another kind."""
    match = re.fullmatch(
        (re.escape(task) + "_" if task else "")
        + r"(?:checkpoint_epoch_(\d+)|unfinished_epoch_(\d+)_iteration_(\d+))\.pyth",
        path.name,
    )
    if not match:
        return None
    finished, unfinished, iteration = match.groups()
    if finished:
        return Progress(int(finished), 0, True)
    return Progress(int(unfinished) - 1, int(iteration), False)


def _files(path_to_job: str | Path) -> list[Path]:
    folder = Path(get_checkpoint_dir(path_to_job))
    return sorted(folder.iterdir()) if folder.is_dir() else []


def resumable(path_to_job: str | Path, task: str = "") -> list[Path]:
    """Returns the files from which the run can resume, the newest first."""
    files = _files(path_to_job)
    progress = {file: found for file in files if (found := progress_in_name(file, task))}
    return sorted(progress, key=progress.get, reverse=True)


def other_checkpoint_files(path_to_job: str | Path, task: str = "") -> list[Path]:
    """Returns the files named like a checkpoint from which the run cannot resume."""
    return [
        file
        for file in _files(path_to_job)
        if "checkpoint" in file.name and not progress_in_name(file, task)
    ]


def finished_checkpoints(path_to_job: str | Path, task: str = "") -> list[Path]:
    """Returns the checkpoints of finished epochs, the newest first."""
    files = resumable(path_to_job, task)
    return [file for file in files if progress_in_name(file, task).is_checkpoint]


def get_last_checkpoint(path_to_job: str | Path, task: str = "") -> str | None:
    """Returns the last epoch's checkpoint, or None. The file may be damaged."""
    return next(map(str, finished_checkpoints(path_to_job, task)), None)


def has_checkpoint(path_to_job: str | Path, task: str = "") -> bool:
    """Returns whether OUTPUT_DIR contains the checkpoint of an epoch."""
    return get_last_checkpoint(path_to_job, task) is not None
