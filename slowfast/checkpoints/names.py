"""What the files of OUTPUT_DIR/checkpoints are called, and which of them are newer.

Notable: upstream resumes from the last name that holds "checkpoint", so that only the states of
finished epochs have such a name. All that lies beside them is called otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Moment(NamedTuple):
    """How far the run was whose state a file holds. A later moment is the greater one.

    Attributes:
        epochs: finished ones.
        iterations: done in the epoch after them.
        is_checkpoint: whether the file was written at the end of an epoch.
    """

    epochs: int
    iterations: int
    is_checkpoint: bool


def get_checkpoint_dir(path_to_job: str | Path) -> str:
    """The folder of checkpoints below OUTPUT_DIR."""
    return str(Path(path_to_job) / "checkpoints")


def get_path_to_checkpoint(path_to_job: str | Path, epoch: int, task: str = "") -> str:
    """The file after so many epochs (1: after the first)."""
    return _path(path_to_job, task, f"checkpoint_epoch_{epoch:05d}.pyth")


def get_path_to_unfinished(
    path_to_job: str | Path, epoch: int, iteration: int, task: str = ""
) -> str:
    """The file of an epoch under way (1: the first), after so many iterations of it."""
    name = f"unfinished_epoch_{epoch:05d}_iteration_{iteration:06d}.pyth"
    return _path(path_to_job, task, name)


def get_path_to_best(path_to_job: str | Path) -> str:
    """The file of the best evaluation's weights. A run is not resumed from it."""
    return _path(path_to_job, "", "best.pyth")


def get_path_to_evaluations(path_to_job: str | Path) -> str:
    """The file that says which evaluation was the last, and which the best."""
    return _path(path_to_job, "", "evaluations.json")


def path_to_digest(path: Path) -> Path:
    """Where the digest of a file of weights lies: ``epoch_00003.sha256``."""
    return path.with_name(path.stem.replace("checkpoint_", "") + ".sha256")


def _path(path_to_job: str | Path, task: str, name: str) -> str:
    return str(Path(get_checkpoint_dir(path_to_job), f"{task}_{name}" if task else name))


def moment_of(path: Path, task: str = "") -> Moment | None:
    """How far the run was that wrote a file, by its name; None for the name of something else."""
    match = re.fullmatch(
        (re.escape(task) + "_" if task else "")
        + r"(?:checkpoint_epoch_(\d+)|unfinished_epoch_(\d+)_iteration_(\d+))\.pyth",
        path.name,
    )
    if not match:
        return None
    finished, under_way, iteration = match.groups()
    if finished:
        return Moment(int(finished), 0, True)
    return Moment(int(under_way) - 1, int(iteration), False)


def resumable(path_to_job: str | Path, task: str = "") -> list[Path]:
    """The files that a run can be taken up from, the newest first."""
    folder = Path(get_checkpoint_dir(path_to_job))
    files = folder.iterdir() if folder.is_dir() else ()
    moments = {file: moment for file in files if (moment := moment_of(file, task))}
    return sorted(moments, key=moments.get, reverse=True)


def foreign(path_to_job: str | Path, task: str = "") -> list[Path]:
    """Files there whose name holds "checkpoint", and which are not ones to be taken up from."""
    folder = Path(get_checkpoint_dir(path_to_job))
    files = sorted(folder.iterdir()) if folder.is_dir() else ()
    return [file for file in files if "checkpoint" in file.name and not moment_of(file, task)]


def checkpoints(path_to_job: str | Path, task: str = "") -> list[Path]:
    """The files of finished epochs, the newest first."""
    return [file for file in resumable(path_to_job, task) if moment_of(file, task).is_checkpoint]


def get_last_checkpoint(path_to_job: str | Path, task: str = "") -> str | None:
    """The checkpoint of the last epoch in OUTPUT_DIR, None where there is none; whether it is
    whole is not looked at."""
    return next(map(str, checkpoints(path_to_job, task)), None)


def has_checkpoint(path_to_job: str | Path, task: str = "") -> bool:
    """Whether OUTPUT_DIR holds the checkpoint of an epoch."""
    return bool(checkpoints(path_to_job, task))
