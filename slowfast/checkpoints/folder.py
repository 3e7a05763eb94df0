"""OUTPUT_DIR/checkpoints: which of its files are whole, which one a run is taken up from, and which
are no longer needed.

Notable: the first process looks and decides, and the others take its answer, so that all of them
read one file, and a large one is checked once.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.checkpoints.file import flaw_of
from slowfast.checkpoints.names import checkpoints, foreign, path_to_digest, resumable
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

_Answer = TypeVar("_Answer")


def find_resumable(cfg: CfgNode) -> Path | None:
    """The newest whole file that the run in OUTPUT_DIR can be taken up from: of an epoch under way,
    or the checkpoint of a finished one. None where there is none, or TRAIN.AUTO_RESUME is False.

    All processes have to call this.

    Raises:
        UserError: there are files, and none is whole.
    """

    def look() -> Path | None:
        if not cfg.TRAIN.AUTO_RESUME:
            return None
        for file in foreign(cfg.OUTPUT_DIR, cfg.TASK):
            logger.warning(
                f"Passed over: {file}: a run is not taken up from a file of that name. To begin "
                "with its weights name it in TRAIN.CHECKPOINT_FILE_PATH, with another OUTPUT_DIR."
            )
        files = resumable(cfg.OUTPUT_DIR, cfg.TASK)
        return first_whole(files) if files else None

    return chosen_once(look)


def first_whole(files: Iterable[Path]) -> Path:
    """The first file that is whole, with a warning for each one before it.

    Raises:
        UserError: none is.
    """
    flaws = []
    for file in files:
        flaw = flaw_of(file)
        if not flaw:
            for flaw in flaws:
                logger.warning(f"Passed over: {flaw}")
            return file
        flaws.append(f"{file}: {flaw}")
    raise UserError(
        "Nothing that was saved in OUTPUT_DIR is whole.\n"
        + "\n".join(flaws)
        + "\nPut a copy in its place, or move the files away to do without them."
    )


def decided_once(decide: Callable[[], _Answer]) -> _Answer:
    """What a function gives in the first process, which alone calls it. Its UserError is raised in
    all of them, so that none waits for an answer."""
    answer = error = None
    if distributed.is_master_proc():
        try:
            answer = decide()
        except UserError as found:
            error = found
    answer, error = distributed.from_master((answer, error))
    if error:
        raise error
    return answer


def chosen_once(choose: Callable[[], Path | None]) -> Path | None:
    """The file that the first process chooses, if any, which all of them can see.

    Raises:
        UserError: one cannot.
    """
    file = decided_once(choose)
    if file and not file.is_file():
        raise UserError(
            f"{file}: the first process has this file, and process {distributed.get_rank()} does "
            "not see it. Name an OUTPUT_DIR that all machines share."
        )
    return file


def remove_outdated(written: Path, keep: int, task: str = "") -> None:
    """Removes what a file that was just written makes superfluous: other files of epochs under
    way; and, with the checkpoint of an epoch, those of earlier ones beyond the last ``keep``.

    Args:
        keep: counts the one that was written; 0: all stay.
    """
    folder = written.parent.parent
    finished = checkpoints(folder, task)
    outdated = set(resumable(folder, task)) - {*finished, written}
    if keep and written in finished:
        outdated.update(finished[finished.index(written) + keep :])
    for file in outdated:
        try:
            # The digest first: a file without one is known all the same, and removed next time.
            path_to_digest(file).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning(f"{file}: cannot be removed ({error.strerror}).")
