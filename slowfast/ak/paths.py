"""Local and remote paths of lists, frames and weights, for example `s3://bucket/ak/image`.

A path with a scheme goes to iopath's path manager and the handler that is registered there, which
fetches a local copy. Any other path is a local file. In a path of a configuration `~` and `$NAME`
are expanded, as a shell does it.
"""

from __future__ import annotations

import os
import re
from typing import Any

from iopath.common.file_io import PathManager, PathManagerFactory

# A user registers handlers here, for example ``pathmgr.register_handler(HTTPURLHandler())``.
pathmgr: PathManager = PathManagerFactory.get(key="pyslowfast")


def use_path_manager(manager: PathManager) -> None:
    """Opens remote paths with another path manager from now on, such as an upstream checkout's."""
    global pathmgr
    pathmgr = manager


def is_remote(path: str) -> bool:
    """Returns whether a path has a scheme, such as `s3://`."""
    return "://" in path


def expand(path: str) -> str:
    """Returns a path with `$NAME`, `${NAME}` and a leading `~` replaced, as a shell does it.

    A remote path is returned unchanged, and so is the name of a variable that is not defined.
    """
    return path if is_remote(path) else os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111


def not_expanded(path: str) -> str:
    """Returns why a path still has `$NAME` or a leading `~`; empty if it has none.

    A file or folder can have such a name. The result is empty for a path that exists.
    """
    if is_remote(path) or os.path.lexists(path):
        return ""
    rest = expand(path)
    if variable := re.search(r"\$(\w+)|\$\{([^}]+)\}", rest):
        return f"the environment variable {variable[1] or variable[2]} is not defined"
    if rest.startswith("~"):
        return f"there is no home folder of {rest.split('/')[0]}"
    return "" if rest == path else "~ and $NAME are expanded in files and on command lines only"


def join(folder: str, path: str) -> str:
    """Returns a path in a folder; an absolute path, or one with a scheme, is returned unchanged."""
    return path if is_remote(path) else os.path.join(folder, path)  # noqa: PTH118 -- Path joins //


def beside(folder: str, name: str) -> str:
    """Returns the path of a name in the parent of a folder."""
    return join(os.path.dirname(folder.rstrip("/")), name)  # noqa: PTH120


def local_path(path: str) -> str:
    """Returns the path of a file on this machine; a remote file is fetched once and kept.

    Raises:
        OSError: the file cannot be fetched.
    """
    return _ask("get_local_path", path) if is_remote(path) else path


def is_file(path: str) -> bool:
    """Returns whether a local or remote file exists.

    If its handler cannot say so, as iopath's handler for http, the file is fetched.
    """
    if not is_remote(path):
        return os.path.isfile(path)  # noqa: PTH113
    try:
        return _ask("isfile", path)
    except _NotSupported:
        pass
    try:
        return bool(local_path(path))
    except OSError:
        return False


def is_folder(path: str) -> bool:
    """Returns whether a folder exists; also True if the handler of a remote folder cannot say."""
    if not is_remote(path):
        return os.path.isdir(path)  # noqa: PTH112
    try:
        return _ask("isdir", path)
    except _NotSupported:
        return True


def names_in(folder: str) -> list[str]:
    """Returns the names of the files and folders in a folder, in any order.

    Raises:
        OSError: the folder cannot be listed.
    """
    return _ask("ls", folder) if is_remote(folder) else os.listdir(folder)  # noqa: PTH208


class _NotSupported(OSError):
    """A handler does not support a question."""


def _ask(question: str, path: str) -> Any:
    """Returns the path manager's answer; any exception of a handler becomes an OSError."""
    try:
        return getattr(pathmgr, question)(path)
    except OSError:
        raise
    except NotImplementedError:
        raise _NotSupported(f"{path}: its handler does not support {question}") from None
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
