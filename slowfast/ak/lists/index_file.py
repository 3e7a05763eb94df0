"""Index files: what a list says, stored, so that it is read once and then mapped.

Notable: the arrays of a `ClipIndex` lie in the file as they lie in memory. Processes that map it
share its pages, however they were started, and a pickled index is the file's path. A file counts
if its first bytes, its checksum and its key hold, else it is made anew, and nobody is told. It is
written aside and renamed: who has the old one mapped keeps it, and of two that write, one wins.

    magic and version | checksum of what follows, header's size | header, JSON | arrays
"""

from __future__ import annotations

import dataclasses
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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.index import ClipIndex, read_index

# A smaller list is read as fast as an index is opened, and no larger than an index in memory.
SMALLEST_LIST = 1 << 20
_MAGIC = b"slowfast clip index 1\n"  # another number where arrays or how lists are read change
_SIZES = struct.Struct("<II")
_DIGESTED = 1 << 20  # bytes, at either end of a list
_FIELDS = tuple(field.name for field in dataclasses.fields(ClipIndex))


class Source(NamedTuple):
    """A list as it was found: its local file, what messages call it, how it is read (see
    `read_index`), and the key, which tells its content."""

    file: str
    name: str
    separator: str | None
    key: str

    @classmethod
    def of(cls, file: str, name: str, separator: str | None) -> Source:
        """That of a file as it is now. Raises UserError where it cannot be read."""
        try:
            with Path(file).open("rb") as opened:
                stat = os.fstat(opened.fileno())
                digest = hashlib.blake2b(opened.read(_DIGESTED), digest_size=16)
                opened.seek(max(_DIGESTED, stat.st_size - _DIGESTED))
                digest.update(opened.read(_DIGESTED))
        except OSError as error:
            raise UserError(f"{name}: this list cannot be read: {error.strerror}.") from None
        key = f"{stat.st_size} {stat.st_mtime_ns} {digest.hexdigest()} {separator!r}"
        return cls(file, name, separator, key)


@dataclass(frozen=True, eq=False)
class StoredIndex(ClipIndex):
    """An index whose arrays are mapped from a file; pickled, it is where to find that file."""

    place: Path
    source: Source

    def __reduce__(self):
        return _reopen, (self.place, self.source)


def open_index(source: Source) -> ClipIndex:
    """The index of a list, from its file where there is one, else read from the list and stored.

    Raises UserError as `read_index` does.
    """
    if Path(source.file).stat().st_size < SMALLEST_LIST:
        return read_index(*source[:3])
    places = list(_places(Path(source.file)))
    if stored := _find(places, source):
        return stored
    index = read_index(*source[:3])
    if Source.of(*source[:3]) != source:
        return index  # it was being written: good for this once, and for nobody else
    # Another process may have been faster: what it has mapped is better left in place.
    return _find(places, source) or _store_at_first(places, index, source) or index


def _places(file: Path) -> Iterator[Path]:
    """Where the index of a list may lie: beside it, or where this user may write in any case."""
    yield file.with_name(f"{file.name}.index")
    digest = hashlib.blake2b(os.fsencode(file.resolve()), digest_size=8).hexdigest()
    name = f"{digest}-{file.name}.index"
    with suppress(RuntimeError):  # a user without a home
        yield Path(
            os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "slowfast", name
        )
    with suppress(OSError):  # a machine without a folder that takes anything
        # Anybody may make a folder there, and what lies in theirs is not to be believed. Windows
        # tells no owner by number, and gives each user a folder of his own.
        user = os.getuid() if hasattr(os, "getuid") else None
        own = Path(tempfile.gettempdir(), "slowfast" if user is None else f"slowfast-{user}")
        if user is None or not own.exists() or own.stat().st_uid == user:
            yield own / name


def _find(places: list[Path], source: Source) -> StoredIndex | None:
    return next(filter(None, (_load(place, source) for place in places)), None)


def _store_at_first(places: list[Path], index: ClipIndex, source: Source) -> StoredIndex | None:
    """Stores an index at the first place that takes it; None where there is none."""
    for place in places:
        if _store(place, index, source) and (stored := _load(place, source)):
            return stored
    return None


def _store(place: Path, index: ClipIndex, source: Source) -> bool:
    arrays = {name: getattr(index, name) for name in _FIELDS}
    # Wide items first, so that all lie at multiples of their size.
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
    except OSError:  # read-only, full, a folder in the way
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        return False
    return True


def _load(place: Path, source: Source) -> StoredIndex | None:
    """The index in a file; None where there is none, or not of this list as it is."""
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
    return StoredIndex(**arrays, place=place, source=source)


def _reopen(place: Path, source: Source) -> ClipIndex:
    """The index that another process pickled.

    Raises UserError where both the file and the list have changed since.
    """
    if stored := _load(place, source):
        return stored
    if Source.of(*source[:3]) != source:
        raise UserError(
            f"{source.name}: the list has changed since this run read it. Start the run again, "
            "and leave the list alone while it goes on."
        )
    return open_index(source)
