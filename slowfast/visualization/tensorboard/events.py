"""Writing the event files of a run for TensorBoard.

A folder that cannot be written is an error before the run begins. Once the run has begun, it causes
a warning, and the curves end there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils import logging

logger = logging.get_logger(__name__)


def writer_class() -> type:
    """Returns SummaryWriter of torch.

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
    """Writes events into a folder with ``SummaryWriter`` of torch.

    Args:
        folder: is made if it is missing.
        done: steps that the run made before. TensorBoard no longer shows events of later steps; for
            0, no earlier events at all. None: all earlier events are shown.

    Raises:
        UserError: the package tensorboard is missing, or the folder cannot be written.
    """

    def __init__(self, folder: Path, done: int | None = None) -> None:
        writer = writer_class()
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The step itself is purged too.
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
