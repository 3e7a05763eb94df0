"""How the C library treats freed memory (glibc's mallopt). Other C libraries are not changed.

By default glibc returns every large block to the system, which gives its pages out again one by
one and filled with zeros, for each new tensor.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4


def keep_all_freed_memory() -> bool:
    """Lets this process keep all freed memory; returns whether the C library supports this."""
    never, none = -1, 0
    return _set((_TRIM_THRESHOLD, never), (_MMAP_MAX, none))


def keep_some_freed_memory() -> bool:
    """Lets this process keep up to 256 MiB of freed memory, in blocks of up to 32 MiB.

    Clips of the same size come and go in a loader's worker. Without this, a fifth of its time goes
    into fetching their memory.
    """
    return _set((_TRIM_THRESHOLD, 256 * 2**20), (_MMAP_THRESHOLD, 32 * 2**20))  # its largest value


def _set(*options: tuple[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(*option) for option in options)
