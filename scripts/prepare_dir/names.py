"""The two names in setup.py under which pip finds no package.

Notable: a block of comments at the end of setup.py says what was replaced, to whoever reads the
diff and to `put_back`. A name is replaced where there is no doubt, now and on the way back: it is
quoted once, and the other one not at all.
"""

from __future__ import annotations

import re

from prepare_dir import blocks

FILE = "setup.py"
INSTALLABLE = {"PIL": "Pillow", "sklearn": "scikit-learn"}


def replace(data: bytes) -> tuple[bytes, list[str]]:
    """setup.py with names that pip can install, and remarks on those that were left."""
    told, remarks = _told(data), []
    for name, installable in INSTALLABLE.items():
        if _count(data, name) == 1 and not _count(data, installable):
            data = _rename(data, name, installable)
            told.append(name)
        elif _count(data, name):
            remarks.append(f"names {name} more than once, or {installable} too; mend it by hand")
    lines = [_line(name) for name in INSTALLABLE if name in told]
    return (blocks.put(data, lines) if lines else data), remarks


def put_back(data: bytes) -> tuple[bytes, list[str]]:
    """setup.py as it was, and remarks on names that were changed since, which stay."""
    told, remarks = _told(data), []
    data = blocks.take(data)
    for name in told:
        installable = INSTALLABLE[name]
        if _count(data, installable) == 1 and not _count(data, name):
            data = _rename(data, installable, name)
        else:
            remarks.append(f"{installable}, once {name}, was changed since, and stays as it is")
    return data, remarks


def _told(data: bytes) -> list[str]:
    """The names that the block says were replaced."""
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
