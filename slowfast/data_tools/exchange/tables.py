"""Plain tables: CSV in UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from slowfast.data_tools.exchange.writer import put


def put_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[Path]:
    """Writes a header and rows; tabs separate the columns if the path ends in .tsv."""
    text = io.StringIO(newline="")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    table = csv.writer(text, delimiter=separator, lineterminator="\n")
    table.writerow(names)
    table.writerows(rows)
    return [put(path, text.getvalue().encode("utf-8", errors="surrogateescape"))]
