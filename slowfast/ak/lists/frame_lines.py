"""The lines of a Charades-format frame list, read a block of bytes at a time.

    original_vido_id video_id frame_id path labels
    AAACXZTV 1 0 AAACXZTV/AAACXZTV_000001.jpg "2,40"

A full-size list has millions of lines that say little: within a clip, the labels repeat and the
file names count up. So a block is cut into *runs*: stretches of lines of one clip with equal labels
whose file names count up by one. Fields are found and compared for all lines of a block together,
by numpy on the bytes; Python sees one run at a time. A block with anything unusual in it (a quoted
name, a name with a space, a line with another number of fields) goes through the csv module, line
by line, and is read there or refused there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.blocks import Block

MAX_DIGITS = 18  # of a frame number: fits int64
_LF, _CR, _SPACE, _QUOTE, _DOT, _ZERO = b'\n\r ".0'
_PAD = b"\0" * 8
# _FIRST_BYTES[k] keeps the first k bytes of a little-endian word of eight.
_FIRST_BYTES = np.array([(1 << 8 * k) - 1 for k in range(9)], dtype=np.uint64)
_DIGIT_ZEROS, _TO_HIGHEST_BIT, _HIGHEST_BITS = (
    np.frombuffer(bytes([byte] * 8), "<u8")[0] for byte in (_ZERO, 118, 128)
)


class Run(NamedTuple):
    """Consecutive lines of a clip with equal labels; j lines on, the number in `path` is j more."""

    clip: bytes
    path: bytes
    labels: bytes
    length: int
    line: int


@dataclass
class _Fields:
    """Where the fields of n lines lie in `data`: (n,) first bytes and (n,) bytes after the last."""

    data: bytes
    clip: tuple[np.ndarray, np.ndarray]
    frame: tuple[np.ndarray, np.ndarray]
    path: tuple[np.ndarray, np.ndarray]
    labels: tuple[np.ndarray, np.ndarray]
    line: np.ndarray


def number_span(path: bytes) -> tuple[int, int]:
    """First byte and byte after the last of a path's frame number.

    The number is the digits before the extension, a dot and three or four more bytes. Both ends are
    equal where there is none.
    """
    end = len(path) - 4 if path[-4:-3] == b"." else len(path) - 5
    if end < 0 or path[end : end + 1] != b".":
        return 0, 0
    stem = path[max(0, end - MAX_DIGITS) : end]
    return end - (len(stem) - len(stem.rstrip(b"0123456789"))), end


def read_runs(blocks: Iterable[Block], name: str) -> Iterator[Run]:
    """The runs of a frame list below its header, in the order of its lines; blank lines are passed
    over.

    Raises UserError, with `name` and the line, for a line that does not have five fields, a clip
    name, a frame number and a path.
    """
    for block in blocks:
        yield from _runs(_fields(block, name), name)


def _fields(block: Block, name: str) -> _Fields:
    """The fields of a block's lines: by numpy where every line is plain, else by csv."""
    text = block.text
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    line = np.arange(block.line, block.line + len(ends))
    ends = ends - (data[ends - 1] == _CR)
    written = ends > starts
    starts, ends, line = starts[written], ends[written], line[written]

    spaces = np.flatnonzero(data == _SPACE)
    if len(spaces) != 4 * len(starts):
        return _fields_by_csv(block, name)
    spaces = spaces.reshape(-1, 4)
    labels = spaces[:, 3] + 1
    plain = (spaces[:, 0] > starts) & (spaces[:, 3] > spaces[:, 2] + 1) & (labels <= ends)
    quoted = (ends - labels >= 2) & (data[labels] == _QUOTE) & (data[ends - 1] == _QUOTE)
    if not plain.all() or text.count(b'"') != 2 * quoted.sum():
        return _fields_by_csv(block, name)
    return _Fields(
        data=text,
        clip=(starts, spaces[:, 0]),
        frame=(spaces[:, 1] + 1, spaces[:, 2]),
        path=(spaces[:, 2] + 1, spaces[:, 3]),
        labels=(labels + quoted, ends - quoted),
        line=line,
    )


def _fields_by_csv(block: Block, name: str) -> _Fields:
    """As `_fields`, for lines of any kind; the fields' bytes are gathered into a new buffer."""
    pieces: list[bytes] = []
    lines: list[int] = []
    for line, raw in enumerate(block.text.split(b"\n"), block.line):
        text = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        if not text.strip():
            continue
        try:
            row = next(csv.reader([text], delimiter=" ", strict=True))
        except csv.Error as error:
            raise UserError(f"{name}:{line}: not readable as a line of a list: {error}.") from None
        if len(row) != 5 or not row[0] or not row[3]:
            raise UserError(
                f"{name}:{line}: expected five fields parted by single spaces (clip, clip number, "
                f"frame number, path, labels in double quotes), found {len(row)}: {text[:100]!r}. "
                "A name with spaces stands in double quotes."
            )
        row = [field.encode("utf-8", "surrogateescape") for field in row]
        pieces += [row[0], *row[2:]]
        lines.append(line)
    bounds = np.cumsum([0] + [len(piece) for piece in pieces])
    starts, ends = bounds[:-1].reshape(-1, 4), bounds[1:].reshape(-1, 4)
    return _Fields(
        data=b"".join(pieces),
        clip=(starts[:, 0], ends[:, 0]),
        frame=(starts[:, 1], ends[:, 1]),
        path=(starts[:, 2], ends[:, 2]),
        labels=(starts[:, 3], ends[:, 3]),
        line=np.array(lines, dtype=np.int64),
    )


def _runs(fields: _Fields, name: str) -> Iterator[Run]:
    if not len(fields.line):
        return
    data = np.frombuffer(fields.data + _PAD, np.uint8)
    # Eight bytes from each position, as one number: fields are compared a word at a time.
    words = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    bad = np.flatnonzero(~_are_numbers(words, *fields.frame))
    if len(bad):
        start, end = (int(edge[bad[0]]) for edge in fields.frame)
        found = fields.data[start:end][:80].decode("utf-8", "replace")
        raise UserError(
            f"{name}:{fields.line[bad[0]]}: expected a frame number, a whole number in digits, as "
            f"the third field, found {found!r}."
        )
    path_start, path_end = fields.path
    dot, number, digits = _frame_numbers(data, path_start, path_end)

    goes_on = _repeats(words, *fields.clip) & _repeats(words, *fields.labels)
    goes_on[1:] &= (digits[1:] > 0) & (digits[1:] == digits[:-1])
    goes_on[1:] &= (number[1:] == number[:-1] + 1) & (fields.line[1:] == fields.line[:-1] + 1)
    goes_on &= _repeats(words, path_start, dot - digits) & _repeats(words, dot, path_end)

    first = np.flatnonzero(~goes_on)
    length = np.diff(np.append(first, len(goes_on)))
    text = fields.data
    columns = (*fields.clip, *fields.path, *fields.labels, fields.line)
    columns = [column[first].tolist() for column in columns]
    for c0, c1, p0, p1, l0, l1, line, n in zip(*columns, length.tolist(), strict=True):
        yield Run(text[c0:c1], text[p0:p1], text[l0:l1], n, line)


def _frame_numbers(
    data: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For (n,) paths: where the extension begins, the frame number before it, and its digits.

    As `number_span`; without a number, digits are 0 and the extension begins where the path ends.
    """
    dot = np.where(data[end - 4] == _DOT, end - 4, end - 5)
    dot = np.where((dot >= start) & (data[dot] == _DOT), dot, end)
    number = np.zeros(len(dot), np.int64)
    digits = np.zeros(len(dot), np.int64)
    rows = np.flatnonzero(dot < end)
    for place in range(MAX_DIGITS):
        at = dot[rows] - 1 - place
        value = data[at] - _ZERO  # wraps: what is no digit becomes more than 9
        is_digit = (value < 10) & (at >= start[rows])
        rows = rows[is_digit]
        if not len(rows):
            break
        number[rows] += value[is_digit].astype(np.int64) * 10**place
        digits[rows] += 1
    return dot, number, digits


def _are_numbers(words: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each line's field is one digit or more and nothing else; (n,) bool."""
    length = end - start
    numbers = length > 0
    rows = np.flatnonzero(numbers)
    for offset in range(0, int(length.max()), 8):
        rows = rows[length[rows] > offset]
        mask = _FIRST_BYTES[np.minimum(length[rows] - offset, 8)]
        # A digit becomes 0 to 9; 118 more then leaves its byte's highest bit unset. A larger byte
        # sets it, or has it set, itself, so that what it carries over changes no answer.
        value = (words[start[rows] + offset] ^ _DIGIT_ZEROS) & mask
        numbers[rows[((value + _TO_HIGHEST_BIT) | value) & _HIGHEST_BITS != 0]] = False
    return numbers


def _repeats(words: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each line's field has the same bytes as that of the line before; (n,) bool."""
    length = end - start
    same = np.zeros(len(length), bool)
    same[1:] = length[1:] == length[:-1]
    rows = np.flatnonzero(same)
    for offset in range(0, int(length.max()), 8):
        rows = rows[length[rows] > offset]
        if not len(rows):
            break
        mask = _FIRST_BYTES[np.minimum(length[rows] - offset, 8)]
        differs = (words[start[rows] + offset] ^ words[start[rows - 1] + offset]) & mask != 0
        same[rows[differs]] = False
        rows = rows[~differs]
    return same
