"""Index files: the arrays of a list's index, stored so that the list is read only once.

The arrays are stored as they are in memory. All processes that map a file share its memory pages.
A file is used if its first bytes, its checksum and its key are right; otherwise it is replaced
without a message. A new file is written under another name and then renamed: a process that has
mapped the old one keeps it, and if two processes write at once, one file remains.

    magic and version | checksum of the rest, size of the header | header, JSON | arrays
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from slowfast.ak.lists.lines import Source

_MAGIC = b"slowfast clip index 2\n"  # count up if the arrays or the reading of lists change
_SIZES = struct.Struct("<II")

Arrays = dict[str, np.ndarray]


def find(source: Source) -> tuple[Path, Arrays] | None:
    """The index file of a list and its arrays; None if there is no valid one."""
    for place in _places(Path(source.file)):
        if arrays := load(place, source):
            return place, arrays
    return None


def store(source: Source, arrays: Arrays) -> tuple[Path, Arrays] | None:
    """Stores arrays in the first place that can be written, and maps them; else None."""
    for place in _places(Path(source.file)):
        if write(place, source, arrays) and (mapped := load(place, source)):
            return place, mapped
    return None


def _places(file: Path) -> Iterator[Path]:
    """The places for the index of a list: beside it, the user's cache, the temporary folder."""
    yield file.with_name(f"{file.name}.index")
    digest = hashlib.blake2b(os.fsencode(file.resolve()), digest_size=8).hexdigest()
    name = f"{digest}-{file.name}.index"
    with suppress(RuntimeError):  # the user has no home folder
        yield Path(
            os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "slowfast", name
        )
    with suppress(OSError):  # the machine has no temporary folder
        # Anybody can make a folder there, and a folder of another user is not trusted. Windows has
        # no user numbers, and gives each user a temporary folder.
        user = os.getuid() if hasattr(os, "getuid") else None
        own = Path(tempfile.gettempdir(), "slowfast" if user is None else f"slowfast-{user}")
        if user is None or not own.exists() or own.stat().st_uid == user:
            yield own / name


def write(place: Path, source: Source, arrays: Arrays) -> bool:
    """Writes an index file; False if the place cannot be written."""
    # The widest items come first, so that each array starts at a multiple of its item size.
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    table = [[name, array.dtype.str, len(array)] for name, array in arrays.items()]
    header = json.dumps({"key": source.key, "arrays": table}).encode()
    header += b" " * (-(len(_MAGIC) + _SIZES.size + len(header)) % 8)
    parts = [header, *(memoryview(np.ascontiguousarray(array)) for array in arrays.values())]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    aside = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with aside.open("xb") as file:
            file.write(_MAGIC + _SIZES.pack(checksum, len(header)))
            for part in parts:
                file.write(part)
        aside.replace(place)
    except OSError:  # read-only, full, or a folder has that name
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        return False
    return True


def load(place: Path, source: Source) -> Arrays | None:
    """Maps the arrays of an index file; None if it is missing, damaged, or of another list."""
    try:
        with place.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        at = len(_MAGIC) + _SIZES.size
        if data[: len(_MAGIC)] != _MAGIC:
            return None
        checksum, size = _SIZES.unpack_from(data, len(_MAGIC))
        with memoryview(data) as view, view[at:] as content:
            if zlib.crc32(content) != checksum:
                return None
        header = json.loads(data[at : at + size])
    except (OSError, ValueError, struct.error):
        return None
    if header["key"] != source.key:
        return None
    at += size
    arrays = {}
    for name, dtype, count in header["arrays"]:
        arrays[name] = np.frombuffer(data, dtype, count, at)
        at += arrays[name].nbytes
    return arrays
