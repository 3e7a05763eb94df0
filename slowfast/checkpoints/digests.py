"""Digests (SHA-256) of files of weights, by which a damaged one is known.

Notable: a file and its digest cannot be replaced at one stroke. So a digest file that is there
names the new digest beside the old one before the file is replaced, and the new one alone after:
whenever the run is killed, what lies there is listed. Its lines are those of the program
``sha256sum``, which checks them too: ``sha256sum -c epoch_00003.sha256``.
"""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

from slowfast.checkpoints.names import path_to_digest
from slowfast.utils.atomic import replacing

_CHUNK = 1 << 22
_TEMPORARY = "digest.tmp"


class Hashing:
    """A file to write whose content is digested on its way: it need not be read again."""

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
        """Of all that was written so far."""
        return self._hash.hexdigest()


def of_file(path: Path) -> str:
    """The digest of a file as it is on the disk."""
    content, buffer = hashlib.sha256(), bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            content.update(memoryview(buffer)[:size])
    return content.hexdigest()


def listed(path: Path) -> list[str]:
    """The digests that a file may have; none where its digest file is missing, or none itself."""
    try:
        text = path_to_digest(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return re.findall(rf"^([0-9a-f]{{64}})  {re.escape(path.name)}$", text, re.MULTILINE)


def announce(path: Path, digest: str) -> None:
    """Lists a digest that the file is about to get, where others are listed. Where there are none,
    the file is judged without a digest, and goes on to be."""
    if before := listed(path):
        _write(path, [*before, digest])


def settle(path: Path, digest: str) -> None:
    """Lists the file's digest alone, now that it has it."""
    _write(path, [digest])


def _write(path: Path, digests: list[str]) -> None:
    with replacing(path_to_digest(path), _TEMPORARY) as file:
        file.write("".join(f"{digest}  {path.name}\n" for digest in digests).encode())
