"""A list, packed or not, as blocks of whole lines.

Notable: what is read is sent through gzip where its first bytes say so, whatever the file is
called. Nothing is held but a block, so that a list may have any number of lines.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from slowfast.ak.errors import UserError

BLOCK_BYTES = 1 << 20  # larger blocks fall out of the processor's cache
LONGEST_LINE = 1 << 20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Lines that follow one another, each with its newline, and the number of the first."""

    line: int
    text: bytes


def read_blocks(file: str, name: str) -> Iterator[Block]:
    """The blocks of the list in `file`, without a byte-order mark; messages call it `name`.

    Each line ends in a newline, also the last one. Raises UserError where it cannot be read or
    unpacked, and for a line that is longer than any list has.
    """
    line, rest = 1, b""
    try:
        with Path(file).open("rb") as opened:
            plain = _unpacked(opened)
            while text := plain.read(BLOCK_BYTES):
                text = (rest + text).removeprefix(_BOM if line == 1 else b"")
                cut = text.rfind(b"\n") + 1
                text, rest = text[:cut], text[cut:]
                if len(rest) > LONGEST_LINE:
                    line += text.count(b"\n")
                    break
                if text:
                    yield Block(line, text)
                    line += text.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        found = getattr(error, "strerror", None) or error
        raise UserError(
            f"{name}: cannot be read after line {line - 1}: {found}. Copy the list again."
        ) from None
    if len(rest) > LONGEST_LINE:
        raise UserError(
            f"{name}:{line}: this line has more than {LONGEST_LINE:,} bytes, which no line of a "
            "list has. Is it a list?"
        )
    if rest:
        yield Block(line, rest + b"\n")


def _unpacked(file: BinaryIO) -> BinaryIO:
    begin = file.read(len(_GZIP))
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if begin == _GZIP else file
