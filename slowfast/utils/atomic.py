"""Files that are replaced as a whole: whatever happens, the one before or the new one is there.

Notable: what is written lies beside its place, reaches the disk, and is renamed then. A process
that is killed may leave the piece beside, under a name that nothing reads and the next takes over.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from slowfast.ak.errors import UserError

TEMPORARY = "unfinished.tmp"


@contextmanager
def replacing(path: Path, temporary: str = TEMPORARY) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of ``path`` when the block has ended well.

    Args:
        temporary: its name until then. It may not hold "checkpoint", since upstream resumes from
            any name that does.

    Raises:
        UserError: no room, or no right to write there. What was at ``path`` is still there.
    """
    beside = path.with_name(temporary)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if not isinstance(error, OSError | RuntimeError):
            raise
        cause = _behind(error)
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        if not isinstance(cause, OSError):  # of the device that the weights come from, say
            raise
        reason = cause.strerror or str(cause)
        raise UserError(
            f"{path}: the file cannot be written ({reason}). Make room, or make the folder "
            "writable, and start the same command again: a run goes on from the newest state that "
            "it has saved."
        ) from error


def set_aside(path: Path) -> Path:
    """Renames a file to the first of ``<name>_1``, ``<name>_2`` and so on that is free.

    Returns:
        Its new path.

    Raises:
        OSError: it cannot be renamed.
    """
    number = 1
    while (kept := path.with_stem(f"{path.stem}_{number}")).exists():
        number += 1
    return path.rename(kept)


def _behind(error: BaseException) -> BaseException:
    """What made torch's writer fail, which itself tells of a file with a piece missing: a full
    disk, a Ctrl-C; else the error itself."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | KeyboardInterrupt):
        cause = cause.__context__
    return cause or error


def _sync_folder(folder: Path) -> None:
    """Makes sure that a new name in a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
