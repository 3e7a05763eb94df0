"""Replaces the two names in setup.py that pip cannot install.

A block of comments at the end of setup.py says what was replaced, for `put_back` and for readers of
the diff. A name is replaced only if it is quoted once and the other name is not quoted at all; the
same holds on the way back.
"""

from __future__ import annotations

import re

from prepare_dir import blocks

FILE = "setup.py"
INSTALLABLE = {"PIL": "Pillow", "sklearn": "scikit-learn"}


def replace(data: bytes) -> tuple[bytes, list[str]]:
    """Returns setup.py with names that pip can install, and remarks on names that were left."""
    replaced, remarks = _replaced(data), []
    for name, installable in INSTALLABLE.items():
        if _count(data, name) == 1 and not _count(data, installable):
            data = _rename(data, name, installable)
            replaced.append(name)
        elif _count(data, name):
            remarks.append(f"has {name} more than once, or {installable} too; change it by hand")
    lines = [_line(name) for name in INSTALLABLE if name in replaced]
    return (blocks.put(data, lines) if lines else data), remarks


def put_back(data: bytes) -> tuple[bytes, list[str]]:
    """Returns setup.py as it was, and remarks on names that were changed since and are kept."""
    replaced, remarks = _replaced(data), []
    data = blocks.take(data)
    for name in replaced:
        installable = INSTALLABLE[name]
        if _count(data, installable) == 1 and not _count(data, name):
            data = _rename(data, installable, name)
        else:
            remarks.append(f"{installable}, which was {name}, was changed since and is kept")
    return data, remarks


def _replaced(data: bytes) -> list[str]:
    """Returns the names that were replaced, according to the block."""
    found = blocks.find(data)
    return [name for name in INSTALLABLE if found and _line(name) in found.lines]


def _line(name: str) -> str:
    return f"# {name} is called {INSTALLABLE[name]} now, as pip knows it."


def _quoted(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<=[\"'])" + re.escape(name.encode()) + rb"(?=[\"'])")


def _count(data: bytes, name: str) -> int:
    return len(_quoted(name).findall(data))


def _rename(data: bytes, name: str, other: str) -> bytes:
    return _quoted(name).sub(other.encode(), data)
