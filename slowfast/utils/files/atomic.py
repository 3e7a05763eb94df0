"""Replacing a file as a whole: at every moment the old file or the new one is in place.

The new content goes into a temporary file beside the old one, is flushed to the disk, and is then
renamed. A killed process may leave the temporary file. Nothing reads it, and the next write
replaces it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from slowfast.ak.errors import UserError

TEMPORARY = "unfinished.tmp"


@contextmanager
def replacing(path: Path, temporary: str = TEMPORARY, keep_old: bool = False) -> Iterator[BinaryIO]:
    """Gives a file to write, which takes the place of ``path`` when the block ends normally.

    Args:
        temporary: the name of the file until then. It may not contain "checkpoint", because
            upstream resumes from any name that does.
        keep_old: whether the old file is renamed (`set_aside`) instead of overwritten.

    Raises:
        UserError: the disk is full, or the folder is not writable. The old file is unchanged.
    """
    beside = path.with_name(temporary)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if keep_old and path.is_file():
            set_aside(path)
        beside.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if not isinstance(error, OSError | RuntimeError):
            raise
        cause = _root_cause(error)
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        if not isinstance(cause, OSError):  # for example an error of the GPU that holds the weights
            raise
        raise cannot_be_written(path, cause) from error


def write(
    path: Path, content: bytes, temporary: str = TEMPORARY, *, keep_old: bool = False
) -> None:
    """Replaces a file by one with this content; it has the arguments and errors of `replacing`."""
    with replacing(path, temporary, keep_old) as file:
        file.write(content)


def cannot_be_written(path: Path, error: OSError) -> UserError:
    """Returns the error for a file of results that cannot be written."""
    return UserError(
        f"{path}: the file cannot be written ({error.strerror or error}). Free some space, or make "
        "the folder writable, or name another folder (OUTPUT_DIR, or --out of a tool), and start "
        "the same command again. A training or prediction continues from what it has saved."
    )


def set_aside(path: Path) -> Path:
    """Renames a file to the first free name of ``<name>_1``, ``<name>_2`` and so on.

    Returns:
        The new path.

    Raises:
        OSError: the file cannot be renamed.
    """
    number = 1
    while (kept := path.with_stem(f"{path.stem}_{number}")).exists():
        number += 1
    return path.rename(kept)


def _root_cause(error: BaseException) -> BaseException:
    """Returns the full disk or the Ctrl-C behind an error of torch's writer, else the error.

    torch's writer replaces such an error by its own, which only says that a record is missing.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | KeyboardInterrupt):
        cause = cause.__context__
    return cause or error


def _sync_folder(folder: Path) -> None:
    """Flushes a new file name in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
