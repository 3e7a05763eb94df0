"""A file of events as bytes, text, JSON or tables, whatever program wrote it.

Text can be UTF-8 with or without a mark, UTF-16, or cp1252; fields can be separated by commas,
semicolons, tabs or bars. The separator is the one with which a header is recognised, so it is a
format's question, and `Content` offers the first rows with each.
"""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import itertools
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.event import Place, ReadOptions

SEPARATORS = ",;\t| "
_HEAD = 100  # rows that are enough to recognise a table
_GZIP, _ZIP, _HDF5 = b"\x1f\x8b", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
# Byte-order marks; UTF-32 is not written by spreadsheets.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LARGEST_CELL = 1 << 24
HOURS_AND_MINUTES = "(h:mm)"  # after a spreadsheet's time that is shown without seconds


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        rows: (line, cells) of the rows that are not blank; lines count from 1.
        separator: between the fields of a text; "" for a sheet.
        sheet: name of the sheet; "" for a text.
    """

    file: Path
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str = ""
    sheet: str = ""

    def place(self, line: int) -> Place:
        """The place of a row."""
        if self.sheet:
            return Place(self.file, rank=line, item=f"sheet {self.sheet!r}, row {line}")
        return Place(self.file, line)

    def below(self, row: int) -> Table:
        """The same table from its row number `row` on, counted from 0."""
        return replace(self, rows=self.rows[row:])


class Content:
    """The content of a file.

    Args:
        path: the file; one that is packed with gzip is unpacked.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, path: Path, options: ReadOptions):
        self.path, self.options = path, options
        if path.is_dir():
            raise UserError(f"{path}: is a folder; expected a file")
        if not path.is_file():
            raise UserError(f"{path}: cannot be read as a table: there is no such file")
        try:
            data = path.read_bytes()
            self.data = gzip.decompress(data) if data.startswith(_GZIP) else data
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: cannot be read as a table ({error})") from None

    @property
    def base_name(self) -> str:
        """The name of the file without folder and endings such as .boris.gz or .csv."""
        name = self.path.name.removesuffix(".gz")
        return name.rpartition(".")[0] or name

    @property
    def is_workbook(self) -> bool:
        """Whether it is a workbook in the form of Excel since 2007."""
        if not self.data.startswith(_ZIP):
            return False
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                return "xl/workbook.xml" in archive.namelist()
        except zipfile.BadZipFile:
            return False

    def refuse_what_is_no_table(self) -> None:
        """Raises a UserError for a kind of file that holds no events, and says what to do."""
        kinds = (
            (_HDF5, "is an HDF5 file. DeepEthogram keeps its predictions in one; give the tables "
             "..._labels.csv or ..._predictions.csv instead"),
            (_OLD_OFFICE, "is a workbook of an old Excel (.xls); save it as .xlsx or CSV"),
            (b"SQLite format 3", "is an SQLite database; export the events as a table (TSV, CSV "
             "or xlsx) instead"),
        )  # fmt: skip
        for mark, text in kinds:
            if self.data.startswith(mark):
                raise UserError(f"{self.path}: {text}")
        if self.data.startswith(_ZIP) and not self.is_workbook:
            raise UserError(
                f"{self.path}: is a zip file and not an Excel workbook; save a spreadsheet of "
                "another program as .xlsx or CSV, and unpack an archive"
            )
        if self.data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html", b"<table")):
            raise UserError(
                f"{self.path}: is an HTML page; export the events as TSV, CSV or xlsx instead"
            )
        if not self.is_workbook and b"\0" in self.data[:4096] and not self._is_utf16:
            raise UserError(f"{self.path}: cannot be read as a table: it is not a text file")

    @property
    def _is_utf16(self) -> bool:
        return self.encoding.startswith("utf-16")

    @cached_property
    def encoding(self) -> str:
        """The encoding of the text: as given, as its mark says, or as its bytes allow."""
        if self.options.encoding:
            return self.options.encoding
        for mark, encoding in _MARKS.items():
            if self.data.startswith(mark):
                return encoding
        head = self.data[:2000]
        if len(head) > 3 and head.isascii():  # UTF-16 without a mark: every second byte is 0
            odd, even = head[1::2].count(0), head[::2].count(0)
            if max(odd, even) > 0.4 * len(head):
                return "utf-16-le" if odd > even else "utf-16-be"
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError:
            return "cp1252"
        return "utf-8"

    @property
    def is_guess(self) -> bool:
        """Whether the encoding is a guess: the bytes would fit other encodings as well."""
        return self.encoding == "cp1252" and not self.options.encoding

    @cached_property
    def text(self) -> str:
        """The text of the file.

        Raises:
            UserError: the bytes do not fit the encoding.
        """
        try:
            return self.data.decode(self.encoding).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError) as error:
            raise UserError(
                f"{self.path}: cannot be read as a table: it is not {self.encoding} ({error}). "
                "Save it as UTF-8, or name its encoding with --encoding"
            ) from None

    @cached_property
    def json(self) -> Any:
        """The object of a JSON file; None for another file, or for JSON that is no object.

        Raises:
            UserError: it looks like JSON and is damaged.
        """
        if not self.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return None
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self.path}: begins like JSON and cannot be read to its end ({error}); "
                "save or export it again"
            ) from None
        return found if isinstance(found, dict) else None

    @cached_property
    def heads(self) -> tuple[Table, ...]:
        """The possible tables: the first rows with each separator, or each sheet of the workbook.

        Raises:
            UserError: the workbook cannot be read, or has no sheet of the given name.
        """
        if self.is_workbook:
            return tuple(self._sheets())
        if self.data.startswith(_ZIP) or (b"\0" in self.data[:4096] and not self._is_utf16):
            return ()
        text, _, separators = self._body
        there = [one for one in separators if one in text] or separators[:1]
        return tuple(self._separated(separator, _HEAD) for separator in there)

    def table(self, fits: Callable[[Table], bool]) -> Table | None:
        """The table whose first rows make `fits` true.

        With several separators it is the one with most columns; blanks count only if no other fits.

        Raises:
            UserError: several sheets of a workbook fit, or the text cannot be read to its end.
        """
        found = [table for table in self.heads if fits(table)]
        if len(found) > 1 and found[0].sheet:
            names = ", ".join(repr(table.sheet) for table in found)
            raise UserError(
                f"{self.path}: the sheets {names} all hold a table of events; "
                "say which with --sheet NAME"
            )
        if not found or found[0].sheet:
            return found[0] if found else None
        best = max(found, key=lambda table: (table.separator != " ", _columns(table)))
        return self._separated(best.separator)

    def widest(self) -> Table | None:
        """The first rows with most columns, for a message; not those separated by blanks."""
        tables = [table for table in self.heads if table.separator != " "]
        return max(tables, key=_columns, default=None)

    @property
    def _body(self) -> tuple[str, int, str]:
        """The text of the rows, the number of its first line, and the possible separators."""
        head, _, rest = self.text.partition("\n")
        if head.strip().lower().startswith("sep=") and len(head.strip()) == 5:
            return rest, 2, head.strip()[4]  # Excel's own line
        return self.text, 1, SEPARATORS

    def _separated(self, separator: str, most: int | None = None) -> Table:
        """The rows, or at most the first `most`, with fields between a separator."""
        text, first, _ = self._body
        csv.field_size_limit(_LARGEST_CELL)
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator == " "
        )
        rows, line = [], first
        try:
            for cells in itertools.islice(reader, most):
                if any(cell.strip() for cell in cells):
                    rows.append((line, tuple(_plain(cell) for cell in cells)))
                line = first + reader.line_num
        except csv.Error as error:
            raise UserError(f"{self.path}:{line}: cannot be read as a table ({error})") from None
        return Table(self.path, tuple(rows), separator)

    def _sheets(self) -> Iterator[Table]:
        from openpyxl import load_workbook

        try:
            book = load_workbook(io.BytesIO(self.data), read_only=True, data_only=True)
            names = [sheet.title for sheet in book.worksheets]
            wanted = self.options.sheet
            if wanted and wanted not in names:
                raise UserError(
                    f"{self.path}: has no sheet {wanted!r}; its sheets are "
                    f"{', '.join(map(repr, names))}"
                )
            for sheet in book.worksheets:
                if wanted in ("", sheet.title):
                    rows = [
                        (number, tuple(_cell_text(cell) for cell in cells))
                        for number, cells in enumerate(sheet.iter_rows(), start=1)
                    ]
                    filled = tuple(row for row in rows if any(row[1]))
                    yield Table(self.path, filled, sheet=sheet.title)
        except UserError:
            raise
        except Exception as error:  # openpyxl raises many types for a damaged workbook
            raise UserError(f"{self.path}: cannot be read as a workbook ({error})") from None


def _columns(table: Table) -> int:
    return max((len(cells) for _, cells in table.rows[:50]), default=0)


def _plain(text: str) -> str:
    """A cell without white space around it; no-break spaces count as such."""
    return text.replace("\xa0", " ").strip()


def _cell_text(cell: Any) -> str:
    """The text of a cell of a sheet; times become h:mm:ss."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    if isinstance(value, datetime.time):
        if "s" not in (getattr(cell, "number_format", "") or "s").lower():
            return f"{value:%H:%M} {HOURS_AND_MINUTES}"
        return value.isoformat()
    return _plain(str(value))
