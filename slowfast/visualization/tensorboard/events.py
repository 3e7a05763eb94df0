"""The event files of a run, in a folder that TensorBoard is shown.

Notable: a run is worth more than its curves. A folder that cannot be written is refused before the
run begins; once it goes on, one that no longer can costs a warning, and the curves end there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils import logging

logger = logging.get_logger(__name__)


def writer_class() -> type:
    """torch's SummaryWriter.

    Raises:
        UserError: the package tensorboard is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            f"TENSORBOARD.ENABLE: the package tensorboard cannot be imported ({error}). "
            "Install it with: pip install 'tensorboard>=2.15,<2.21'"
        ) from None
    return SummaryWriter


class Events:
    """Writes into a folder what torch's ``SummaryWriter`` can write.

    Args:
        folder: is made where there is none.
        done: steps that the run has done when it begins to write: what the folder has of later
            steps is no longer shown; with 0, nothing that it has is. None: all of it is shown.

    Raises:
        UserError: the package tensorboard is missing, or the folder cannot be written.
    """

    def __init__(self, folder: Path, done: int | None = None) -> None:
        writer = writer_class()
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # What is purged includes the step that is named.
            self._writer = writer(str(folder), purge_step=done and done + 1)
        except OSError as error:
            raise UserError(
                f"TENSORBOARD.LOG_DIR: {folder} cannot be written ({error.strerror}); name another "
                "folder."
            ) from None

    def write(self, method: str, *values: Any, **settings: Any) -> None:
        """Calls a method of the writer, such as ``add_scalar``."""
        if self._writer is None:
            return
        try:
            getattr(self._writer, method)(*values, **settings)
        except OSError as error:
            self._writer = None
            logger.warning(
                f"{self._folder} can no longer be written ({error.strerror}): TensorBoard shows "
                "the run up to here. The run itself goes on, and json_stats.log with it."
            )
