"""The folder OUTPUT_DIR/checkpoints: from which file a run resumes, and which files are removed.

The first process decides and the others take its answer. So all processes read the same file, and
a large file is checked once.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.checkpoints.file import find_damage
from slowfast.checkpoints.names import (
    finished_checkpoints,
    other_checkpoint_files,
    path_to_digest,
    resumable,
)
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)


def resumes(cfg: CfgNode) -> bool:
    """Returns whether training continues the run in OUTPUT_DIR."""
    try:
        return cfg.TRAIN.AUTO_RESUME and bool(resumable(cfg.OUTPUT_DIR, cfg.TASK))
    except (OSError, ValueError):  # a folder cannot have this name
        return False


def find_resumable(cfg: CfgNode) -> Path | None:
    """Returns the newest intact file from which the run in OUTPUT_DIR can resume.

    It is the state within an epoch or the checkpoint of a finished epoch. The result is None if
    there is no such file, or if TRAIN.AUTO_RESUME is False. All processes must call this.

    Raises:
        UserError: there are files, but none is intact.
    """

    def find() -> Path | None:
        if not cfg.TRAIN.AUTO_RESUME:
            return None
        for file in other_checkpoint_files(cfg.OUTPUT_DIR, cfg.TASK):
            logger.warning(
                f"Skipped: {file}: a run does not resume from a file of this name. To start from "
                "its weights, set TRAIN.CHECKPOINT_FILE_PATH to it and name another OUTPUT_DIR."
            )
        files = resumable(cfg.OUTPUT_DIR, cfg.TASK)
        return first_intact(files) if files else None

    return chosen_by_master(find)


def first_intact(files: Iterable[Path]) -> Path:
    """Returns the first intact file; warns of each damaged file before it.

    Raises:
        UserError: no file is intact.
    """
    damaged = []
    for file in files:
        damage = find_damage(file)
        if not damage:
            for line in damaged:
                logger.warning(f"Skipped: {line}")
            return file
        damaged.append(f"{file}: {damage}")
    raise UserError(
        "No saved file in OUTPUT_DIR is intact.\n"
        + "\n".join(damaged)
        + "\nReplace the file by a copy, or move the files away to continue without them."
    )


def chosen_by_master(choose: Callable[[], Path | None]) -> Path | None:
    """Returns the file that the first process chooses, or None, in all processes.

    Raises:
        UserError: a process cannot see the file.
    """
    file = distributed.call_on_master(choose)
    if file and not file.is_file():
        raise UserError(
            f"{file}: the first process has this file, but process {distributed.get_rank()} does "
            "not see it. Name an OUTPUT_DIR that all machines share."
        )
    return file


def remove_outdated(written: Path, keep: int, task: str = "") -> None:
    """Removes the files that a newly written file replaces.

    These are the other states within an epoch. If ``written`` is the checkpoint of an epoch, they
    are also the earlier checkpoints beyond the last ``keep``.

    Args:
        keep: number of checkpoints to keep, including ``written``; 0 keeps all.
    """
    folder = written.parent.parent
    finished = finished_checkpoints(folder, task)
    outdated = set(resumable(folder, task)) - {*finished, written}
    if keep and written in finished:
        outdated.update(finished[finished.index(written) + keep :])
    for file in outdated:
        try:
            # The digest goes first: a file without a digest is still found, and removed next time.
            path_to_digest(file).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning(f"{file}: cannot be removed ({error.strerror}).")
