"""Reads the lines of a clip list with a header: a frame list or a light list.

A frame list, as for Charades and Animal Kingdom, has a header and one line a frame:

    original_vido_id video_id frame_id path labels
    AAACXZTV 1 0 AAACXZTV/AAACXZTV_000001.jpg "2,40"

A light list has a header and one line a clip, with its labels after a semicolon, comma or tab:

    video_id;labels
    AAACXZTV;"2,40"

`slowfast.ak.lists.video_lines` reads lists of videos, which have no header.

Every function gives *runs*. A run is a series of lines of one clip with equal labels whose file
names count up by one. A full-size frame list has millions of lines and few runs, so numpy finds and
compares the fields of all lines of a block at once, and Python code handles one run at a time. A
block with anything unusual in it (a quoted name, a name with a space, a line with another number of
fields) is read line by line with the csv module instead.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.other_forms import other_form

BLOCK_BYTES = 1 << 20  # larger blocks do not fit the processor's cache
LONGEST_LINE = 1 << 20
_HASHED = 1 << 20  # bytes at each end of a list
MAX_DIGITS = 18  # of a number in a list, so that it fits int64
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_LF, _CR, _SPACE, _QUOTE, _DOT, _ZERO = b'\n\r ".0'
_PAD = b"\0" * 8
_BLANKS = re.compile("[ \t]+")
_NAMES = {";": "a semicolon", ",": "a comma", "\t": "a tab"}
# _FIRST_BYTES[k] keeps the first k bytes of a little-endian word of eight bytes.
_FIRST_BYTES = np.array([(1 << 8 * k) - 1 for k in range(9)], dtype=np.uint64)
_DIGIT_ZEROS, _TO_HIGHEST_BIT, _HIGHEST_BITS = (
    np.frombuffer(bytes([byte] * 8), "<u8")[0] for byte in (_ZERO, 118, 128)
)


@dataclass(frozen=True)
class ListForm:
    """How the lines of a list are read, where the list itself does not say it.

    The default fits lists with a header. A list of videos has a separator.

    Args:
        separator: the text between path and label in a list of videos.
        columns: names of the label columns, if each line of a list of videos has one label for each
            of them; empty: the labels of a line belong to one set of classes.
        several: whether a clip can have several labels. Then all numbers behind a path are labels,
            and the labels of several lines of a clip are joined. Otherwise both are refused, unless
            another field says what the numbers are.
        frame_counts: whether a path is a folder of images, and the first number behind it is its
            number of frames.
        first_label: the label of the first class; labels that the list gives count from 0.
        is_tree: whether the list is a folder with a folder of images for each class
            (`slowfast.ak.lists.class_folders`).
        folder_labels: pairs of a folder's name and a label. A line of a list of videos without a
            label has the label of the folder of its path, as in the test lists of UCF101. In a tree
            they are the class folders.
    """

    separator: str | None = None
    columns: tuple[str, ...] = ()
    several: bool = False
    frame_counts: bool = False
    first_label: int = 0
    is_tree: bool = False
    folder_labels: tuple[tuple[str, int], ...] = ()


class Source(NamedTuple):
    """The file of a list, how it is read, and a key of its content.

    Args:
        file: the local file.
        name: what messages call the list.
        form: how the lines are read.
        key: changes with the content of the list and with its form.
    """

    file: str
    name: str
    form: ListForm
    key: str

    @classmethod
    def of(cls, file: str, name: str, form: ListForm) -> Source:
        """Returns the source of a list, with a key of its present content.

        The key has the size, the time, a hash of both ends of the file, and the form.

        Raises:
            UserError: the file cannot be read.
        """
        try:
            with Path(file).open("rb") as opened:
                stat = os.fstat(opened.fileno())
                digest = hashlib.blake2b(opened.read(_HASHED), digest_size=16)
                opened.seek(max(_HASHED, stat.st_size - _HASHED))
                digest.update(opened.read(_HASHED))
        except OSError as error:
            raise UserError(f"{name}: this list cannot be read: {error.strerror}.") from None
        key = f"{stat.st_size} {stat.st_mtime_ns} {digest.hexdigest()} {form}"
        return cls(file, name, form, key)


class Block(NamedTuple):
    """Consecutive lines, each with its newline, and the number of the first line."""

    line: int
    text: bytes


class Run(NamedTuple):
    """Consecutive lines of a clip with equal labels.

    ``path`` and ``line`` belong to the first of ``length`` lines. The number in the path is higher
    by j in the line that is j further on.
    """

    clip: bytes
    path: bytes
    labels: bytes
    length: int
    line: int


# ------------------------------------------------------------------ blocks of whole lines


def read_blocks(file: str, name: str) -> Iterator[Block]:
    """Reads a list in blocks of whole lines. It can be packed with gzip, and can be UTF-16.

    The first bytes of the file decide about both. Only one block is held in memory. A byte-order
    mark is left out, carriage returns alone count as line ends, and the last line gets a newline if
    it has none.

    Args:
        name: what messages call the list.

    Raises:
        UserError: the file cannot be read or unpacked, or a line is longer than `LONGEST_LINE`.
    """
    line, rest = 1, b""
    try:
        with Path(file).open("rb") as opened:
            plain = _as_utf8(opened)
            only_returns = None
            while text := plain.read(BLOCK_BYTES):
                if only_returns is None:
                    only_returns = b"\r" in text and b"\n" not in text
                if only_returns:
                    text = text.replace(b"\r", b"\n")
                text = (rest + text).removeprefix(_BOM if line == 1 else b"")
                cut = text.rfind(b"\n") + 1
                text, rest = text[:cut], text[cut:]
                if len(rest) > LONGEST_LINE:
                    line += text.count(b"\n")
                    break
                if text:
                    yield Block(line, text)
                    line += text.count(b"\n")
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        found = getattr(error, "strerror", None) or error
        raise UserError(
            f"{name}: cannot be read after line {line - 1}: {found}. Copy the list again."
        ) from None
    if len(rest) > LONGEST_LINE:
        raise UserError(
            f"{name}:{line}: this line has more than {LONGEST_LINE:,} bytes. No line of a list is "
            "that long. Is this file a list?"
        )
    if rest:
        yield Block(line, rest + b"\n")


def _as_utf8(file: BinaryIO) -> BinaryIO:
    """The content of an open file, unpacked, and converted if it is UTF-16."""
    packed = file.peek(2).startswith(_GZIP)
    plain = gzip.GzipFile(fileobj=file) if packed else file
    begin = plain.peek(2)[:2]
    if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return codecs.EncodedFile(plain, "utf-8", "utf-16")
    if len(begin) == 2 and begin.count(0) == 1:  # UTF-16 without a mark: a list begins with ASCII
        return codecs.EncodedFile(plain, "utf-8", "utf-16-be" if begin[0] == 0 else "utf-16-le")
    return plain


# ------------------------------------------------------------------ lists with one line a clip


def read_lines_below_header(blocks: Iterator[Block], name: str) -> tuple[Iterator[Run], bool]:
    """The runs of a list with a header, and whether the list has a line for each frame.

    Raises:
        UserError: the first line is no header of a frame list or of a light list.
    """
    first = next(blocks, Block(1, b""))
    header, _, rest = first.text.partition(b"\n")
    blocks = chain([Block(2, rest)] if rest else [], blocks)
    if separator := _separator_of_light_list(header, name):
        return read_light_lines(blocks, name, separator), False
    return read_frame_lines(blocks, name), True


def _separator_of_light_list(header: bytes, name: str) -> str:
    """Returns the text between clip and labels; empty for the header of a frame list."""
    plain = header.replace(b'"', b"").strip().lower()
    fields = plain.split()
    last = (b"labels", b"label")
    if len(fields) == 5 and fields[3].endswith(b"path") and fields[4].endswith(last):
        return ""
    for between in (";", ",", "\t"):
        fields = plain.split(between.encode())
        if len(fields) == 2 and fields[1].strip() in last:
            return between
    found = decode(header.replace(b'"', b"").strip()[:200])
    advice = "Put that line first."
    if other := re.fullmatch(r"\w+(?:([,;])\w+){3}\1labels?", decode(plain)):
        advice = f"Here {other[1]!r} is between the fields: write blanks, and labels in quotes."
    raise UserError(
        f"{name}:1: expected the header 'original_vido_id video_id frame_id path labels', or "
        f"'video_id;labels' for a list with one line a clip, found {found[:80]!r}. {advice}"
        f"{other_form(decode(header[:200]), 'header')}"
    )


def read_light_lines(blocks: Iterable[Block], name: str, separator: str = ";") -> Iterator[Run]:
    """Gives a run for each line of a light list after its header. Blank lines are skipped.

    Args:
        separator: one character between the clip and its labels, which are in quotes if they
            contain it.

    Raises:
        UserError: a line is not a clip and its labels. The message has `name` and the line.
    """
    for line, text in lines_with_text(blocks):
        try:
            clip, labels = next(csv.reader([text], delimiter=separator, strict=True))
        except (csv.Error, ValueError):
            clip = labels = ""
        if not clip:
            raise UserError(
                f"{name}:{line}: expected a clip, {_NAMES[separator]} and its labels, as in "
                f'AAACXZTV{separator}"2,40", found {text[:100]!r}.'
            )
        yield Run(encode(clip), b"", encode(labels), 1, line)


def lines_with_text(blocks: Iterable[Block]) -> Iterator[tuple[int, str]]:
    """Gives number and text, without the line end, of each line that is not blank."""
    for first, block in blocks:
        lines = block.decode("utf-8", "surrogateescape").split("\n")
        for line, text in enumerate(lines, first):
            if text.strip():
                yield line, text.removesuffix("\r")


def encode(text: str) -> bytes:
    """A text as the bytes that it has in a list."""
    return text.encode("utf-8", "surrogateescape")


def decode(text: bytes) -> str:
    """A name or path as text. Bytes that are not UTF-8 still find their files."""
    return text.decode("utf-8", "surrogateescape")


def parse_labels(text: bytes, name: str, line: int, first: int) -> list[int]:
    """Turns `2,40` into [2, 40]; with a first label of 1, into [1, 39].

    Args:
        name, line: of the list and its line, for messages.

    Raises:
        UserError: the text has something else than whole numbers with commas between them.
    """
    parts = [part.strip(b" \t") for part in text.split(b",")] if text.strip(b" \t") else []
    # int() would also accept 1_3 and +1.
    if not all(part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise UserError(
            f"{name}:{line}: expected labels as whole numbers from 0 on with commas between them "
            f'("2,40", or "" for none), found {decode(text[:200])!r}.'
        )
    if len(parts) > 2 and set(map(int, parts)) <= {0, 1}:
        raise UserError(
            f"{name}:{line}: found {decode(text[:100])!r}, which seems to be a 0 or 1 for each "
            'class. Expected the numbers of the classes, with commas between them, as in "2,40".'
        )
    labels = [int(part) - first for part in parts]
    if min(labels, default=0) < 0:
        raise UserError(
            f"{name}:{line}: label {min(labels) + first} is below {first}, the first label "
            "(AK.FIRST_LABEL). Correct the list or the key."
        )
    return labels


# ------------------------------------------------------------------ frame lists


@dataclass
class _Fields:
    """Positions of the fields of n lines in `data`: (n,) first bytes, (n,) bytes after the last."""

    data: bytes
    clip: tuple[np.ndarray, np.ndarray]
    frame: tuple[np.ndarray, np.ndarray]
    path: tuple[np.ndarray, np.ndarray]
    labels: tuple[np.ndarray, np.ndarray]
    line: np.ndarray


def number_span(path: bytes) -> tuple[int, int]:
    """Returns the first byte of a path's frame number, and the byte after its last one.

    The number is the digits before the extension, which is a dot and three or four more bytes. Both
    positions are equal if the path has no number.
    """
    end = len(path) - 4 if path[-4:-3] == b"." else len(path) - 5
    if end < 0 or path[end : end + 1] != b".":
        return 0, 0
    stem = path[max(0, end - MAX_DIGITS) : end]
    return end - (len(stem) - len(stem.rstrip(b"0123456789"))), end


def read_frame_lines(blocks: Iterable[Block], name: str) -> Iterator[Run]:
    """Gives the runs of a frame list after its header, in the list's order. Skips blank lines.

    Raises:
        UserError: a line does not have five fields, a clip name, a frame number and a path. The
            message has `name` and the line.
    """
    for block in blocks:
        yield from _runs(_fields(block, name), name)


def _fields(block: Block, name: str) -> _Fields:
    """Finds the fields of a block's lines: with numpy if every line is plain, else with csv."""
    text = block.text
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    line = np.arange(block.line, block.line + len(ends))
    ends = ends - (data[ends - 1] == _CR)
    not_blank = ends > starts
    starts, ends, line = starts[not_blank], ends[not_blank], line[not_blank]

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
    """Finds the fields of lines of any kind, and copies their bytes to a new buffer."""
    pieces: list[bytes] = []
    lines: list[int] = []
    for line, raw in enumerate(block.text.split(b"\n"), block.line):
        text = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        if not text.strip():
            continue
        try:
            row = next(csv.reader([text], delimiter=" ", strict=True))
            if len(row) != 5:  # tabs, several blanks between two fields, or blanks at an end
                row = next(csv.reader([_single_blanks(text)], delimiter=" ", strict=True))
        except csv.Error as error:
            raise UserError(f"{name}:{line}: not readable as a line of a list: {error}.") from None
        if len(row) != 5 or not row[0] or not row[3]:
            raise UserError(
                f"{name}:{line}: expected five fields with blanks between them (clip, clip number, "
                f"frame number, path, labels in double quotes), found {len(row)}: {text[:100]!r}. "
                "Write a name with blanks in double quotes."
            )
        pieces += map(encode, (row[0], *row[2:]))
        lines.append(line)
    bounds = np.cumsum([0] + [len(piece) for piece in pieces])
    starts, ends = bounds[:-1].reshape(-1, 4), bounds[1:].reshape(-1, 4)
    clip, frame, path, labels = ((starts[:, k], ends[:, k]) for k in range(4))
    return _Fields(b"".join(pieces), clip, frame, path, labels, np.array(lines, dtype=np.int64))


def _single_blanks(text: str) -> str:
    """The line with one blank instead of tabs and several blanks, except in quotes."""
    parts = text.strip(" \t").split('"')
    parts[::2] = [_BLANKS.sub(" ", part) for part in parts[::2]]
    return '"'.join(parts)


def _runs(fields: _Fields, name: str) -> Iterator[Run]:
    if not len(fields.line):
        return
    data = np.frombuffer(fields.data + _PAD, np.uint8)
    # Eight bytes from each position on, as one number: fields are compared a word at a time.
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
    """Returns for (n,) paths the start of the extension, the frame number and its digits.

    `number_span` has the rule. If a path has no number, its digits are 0 and the extension
    starts at the end of the path.
    """
    dot = np.where(data[end - 4] == _DOT, end - 4, end - 5)
    dot = np.where((dot >= start) & (data[dot] == _DOT), dot, end)
    number = np.zeros(len(dot), np.int64)
    digits = np.zeros(len(dot), np.int64)
    rows = np.flatnonzero(dot < end)
    for place in range(MAX_DIGITS):
        at = dot[rows] - 1 - place
        value = data[at] - _ZERO  # uint8 wraps around: other characters become more than 9
        is_digit = (value < 10) & (at >= start[rows])
        rows = rows[is_digit]
        if not len(rows):
            break
        number[rows] += value[is_digit].astype(np.int64) * 10**place
        digits[rows] += 1
    return dot, number, digits


def _are_numbers(words: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each line's field consists of one or more digits only; (n,) bool."""
    length = end - start
    numbers = length > 0
    rows = np.flatnonzero(numbers)
    for offset in range(0, int(length.max()), 8):
        rows = rows[length[rows] > offset]
        mask = _FIRST_BYTES[np.minimum(length[rows] - offset, 8)]
        # A digit becomes 0 to 9, and adding 118 leaves the highest bit of its byte at 0. Any larger
        # byte sets that bit, or has it set. A carry into the next byte changes no result: the byte
        # that caused it has failed already.
        value = (words[start[rows] + offset] ^ _DIGIT_ZEROS) & mask
        numbers[rows[((value + _TO_HIGHEST_BIT) | value) & _HIGHEST_BITS != 0]] = False
    return numbers


def _repeats(words: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each line's field has the same bytes as in the line before; (n,) bool."""
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
