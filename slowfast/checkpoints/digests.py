"""SHA-256 digests of weight files, which reveal damage.

A file and its digest cannot be replaced in one step. Therefore an existing digest file first lists
the new digest beside the old one. Then the weight file is replaced, and the digest file lists only
the new digest. If the run is killed in between, the digest of the present file is still listed.
The lines have the form of the program ``sha256sum``: ``sha256sum -c epoch_00003.sha256`` checks
them.
"""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

from slowfast.checkpoints.names import path_to_digest
from slowfast.utils.files import atomic

_CHUNK = 1 << 22
_TEMPORARY = "digest.tmp"


class HashingWriter:
    """Passes bytes on to a file and computes their digest, so that nothing is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    @property
    def digest(self) -> str:
        """The digest of all bytes written so far."""
        return self._hash.hexdigest()


def compute_digest(path: Path) -> str:
    """Returns the digest of a file on the disk."""
    content, buffer = hashlib.sha256(), bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            content.update(memoryview(buffer)[:size])
    return content.hexdigest()


def listed_digests(path: Path) -> list[str]:
    """Returns the digests that are listed for a weight file; an empty list if there are none."""
    try:
        text = path_to_digest(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return re.findall(rf"^([0-9a-f]{{64}})  {re.escape(path.name)}$", text, re.MULTILINE)


def add_digest(path: Path, digest: str) -> None:
    """Lists a digest that the file is about to get, beside the present one.

    Does nothing if no digest is listed: such a file is accepted without one.
    """
    if before := listed_digests(path):
        _write(path, [*before, digest])


def replace_digests(path: Path, digest: str) -> None:
    """Lists one digest and removes all others."""
    _write(path, [digest])


def _write(path: Path, digests: list[str]) -> None:
    lines = "".join(f"{digest}  {path.name}\n" for digest in digests)
    atomic.write(path_to_digest(path), lines.encode(), _TEMPORARY)
