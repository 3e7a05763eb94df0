"""Paths of lists and frames, which may be iopath's: `s3://bucket/ak/image`, `https://...`.

A path with a scheme goes to the path manager of the tree, and so to whatever handler is registered
there; it answers with a local copy. Any other path is a local file, and costs nothing extra.
"""

from __future__ import annotations

import os
from typing import Any

from iopath.common.file_io import PathManager, PathManagerFactory

# Handlers are registered here: ``pathmgr.register_handler(HTTPURLHandler())``, say.
pathmgr: PathManager = PathManagerFactory.get(key="pyslowfast")


def use_path_manager(manager: PathManager) -> None:
    """Opens remote paths with another path manager from now on, such as an upstream checkout's."""
    global pathmgr
    pathmgr = manager


def is_remote(path: str) -> bool:
    """Whether a path is the path manager's affair: it begins with a scheme, as in `s3://`."""
    return "://" in path


def join(folder: str, path: str) -> str:
    """A path below a folder; a path that is absolute, or has a scheme of its own, as it is."""
    return path if is_remote(path) else os.path.join(folder, path)  # noqa: PTH118 -- Path joins //


def beside(folder: str, name: str) -> str:
    """The path of a name in the folder that a folder lies in."""
    return join(os.path.dirname(folder.rstrip("/")), name)  # noqa: PTH120


def local_path(path: str) -> str:
    """Where a file lies on this machine; what does not is fetched there, and kept.

    Raises OSError where it cannot be fetched, whatever its handler raises.
    """
    return _ask("get_local_path", path) if is_remote(path) else path


def is_file(path: str) -> bool:
    """Whether there is such a file, here or where its scheme leads.

    A handler that cannot tell, as iopath's own for http, is asked for the file.
    """
    if not is_remote(path):
        return os.path.isfile(path)  # noqa: PTH113
    try:
        return _ask("isfile", path)
    except _CannotTell:
        pass
    try:
        return bool(local_path(path))
    except OSError:
        return False


def is_folder(path: str) -> bool:
    """Whether there is such a folder; one that its handler knows nothing of is taken to be."""
    if not is_remote(path):
        return os.path.isdir(path)  # noqa: PTH112
    try:
        return _ask("isdir", path)
    except _CannotTell:
        return True


def names_in(folder: str) -> list[str]:
    """The names of the files and folders in a folder, in any order.

    Raises OSError where it cannot be listed.
    """
    return _ask("ls", folder) if is_remote(folder) else os.listdir(folder)  # noqa: PTH208


class _CannotTell(OSError):
    """A handler has no answer to a question of this kind."""


def _ask(question: str, path: str) -> Any:
    """What the path manager answers; a handler may raise anything, which becomes an OSError."""
    try:
        return getattr(pathmgr, question)(path)
    except OSError:
        raise
    except NotImplementedError:
        raise _CannotTell(f"{path}: its handler has no {question}") from None
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
