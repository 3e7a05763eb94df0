"""Paths of lists and frames, which may be iopath's: `s3://bucket/ak/image`, `https://...`.

A path with a scheme goes to the path manager of the tree, and so to whatever handler is registered
there; it answers with a local copy. Any other path is a local file, and costs nothing extra.
"""

from __future__ import annotations

import os
from typing import Any


def is_remote(path: str) -> bool:
    """Whether a path is the path manager's affair: it begins with a scheme, as in `s3://`."""
    return "://" in path


def join(folder: str, path: str) -> str:
    """A path below a folder; a path that is absolute, or has a scheme of its own, as it is."""
    return path if is_remote(path) else os.path.join(folder, path)  # noqa: PTH118 -- Path joins //


def local_path(path: str) -> str:
    """Where a file lies on this machine; what does not is fetched there, and kept.

    Raises OSError, or what its handler raises, where it cannot be fetched.
    """
    return _manager().get_local_path(path) if is_remote(path) else path


def is_file(path: str) -> bool:
    """Whether there is such a file, here or where its scheme leads."""
    return _manager().isfile(path) if is_remote(path) else os.path.isfile(path)  # noqa: PTH113


def _manager() -> Any:
    from slowfast.utils.env import pathmgr  # of the tree; not needed for local files

    return pathmgr
