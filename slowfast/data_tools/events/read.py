"""Reads a file of events, or a folder of such files, whatever format they have."""

from __future__ import annotations

from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.events.content import Content
from slowfast.data_tools.events.event import Coverage, EventTable, ReadOptions
from slowfast.data_tools.events.formats import FORMATS, Format
from slowfast.data_tools.events.headers import find_header

# The endings of files that are looked for in a folder; a single file may have any name.
_ENDINGS = (".boris", ".boris.gz", ".eaf", ".csv", ".tsv", ".txt", ".xlsx", ".json")

_MOST_ERRORS = 20  # files that one error lists at most


def read_events(path: Path, options: ReadOptions | None = None) -> EventTable:
    """Returns the events of a file, or of all files in a folder and its folders.

    Mistakes in rows do not raise an error; `EventTable.mistakes` lists them.

    Raises:
        UserError: a file cannot be read, has no format of `FORMATS`, or what it means is not clear.
    """
    options = options or ReadOptions()
    if options.format and options.format not in FORMATS:
        near = suggestion(options.format, FORMATS)
        raise UserError(
            f"--format {options.format}: expected one of {', '.join(sorted(FORMATS))}"
            + (f"; {near}" if near else "")
        )
    if not path.is_dir():
        return _read_file(path, options)
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and file.name.lower().endswith(_ENDINGS) and file.name[0] not in ".~"
    )
    if not files:
        raise UserError(
            f"{path}: has no file of events; expected files that end in {', '.join(_ENDINGS)}"
        )
    tables, errors = [], []
    for file in files:
        try:
            tables.append(_read_file(file, options))
        except UserError as error:
            errors.append(str(error))
    if errors:
        more = len(errors) - _MOST_ERRORS
        lines = errors[:_MOST_ERRORS] + ([f"... and {more} more files"] if more > 0 else [])
        raise UserError("\n".join(lines))
    return _joined(tables)


def recognise(content: Content, options: ReadOptions) -> Format:
    """Returns the format of a content.

    Raises:
        UserError: it has none. The text says which columns were found.
    """
    if options.format:
        return FORMATS[options.format]
    content.refuse_what_is_no_table()
    for entry in sorted(FORMATS.values(), key=lambda entry: (entry.general, entry.name)):
        if entry.recognises(content, options):
            return entry
    titles = ", ".join(sorted(entry.title for entry in FORMATS.values()))
    if content.json is not None:
        raise UserError(
            f"{content.path}: is a JSON file with {', '.join(list(content.json)[:6]) or 'nothing'}"
            f"; expected one of: {titles}"
        )
    table = content.widest()
    if table is None or not table.rows:
        raise UserError(
            f"{content.path}:1: found the columns (none); expected a table of events with a header"
        )
    line, names = table.rows[0]
    if find_header(table, ("video", "label"), options):
        titles += ". If each row labels a whole video, give --whole-videos"
    raise UserError(
        f"{table.place(line)}: found the columns {', '.join(names)}; expected columns for the "
        "video, the start, the end (or the duration) and the labels, such as video, start, end, "
        "split, labels. Other names can be given with --column ROLE=NAME. Also read: " + titles
    )


def _read_file(path: Path, options: ReadOptions) -> EventTable:
    content = Content(path, options)
    entry = recognise(content, options)
    table = entry.read(content, options)
    table.format = entry.name
    if content.is_guess and not content.is_workbook:
        table.notes.insert(
            0, f"{path}: is not UTF-8 and was read as cp1252; --encoding names another encoding"
        )
    return table


def _joined(tables: list[EventTable]) -> EventTable:
    """One table of all events; rows are clips only if they are clips in every file."""
    joined = EventTable(tables[0].format, rows_are_clips=all(t.rows_are_clips for t in tables))
    for table in tables:
        joined.events += table.events
        joined.mistakes += table.mistakes
        joined.notes += table.notes
        joined.coverage += table.coverage
        joined.recordings += table.recordings
        for kind, number in table.unread.items():
            joined.unread[kind] = joined.unread.get(kind, 0) + number
        joined.background = joined.background or table.background
        joined.classes += tuple(name for name in table.classes if name not in joined.classes)
    labelled: dict[str, Coverage] = {}  # frame by frame
    for one in joined.coverage:
        other = labelled.setdefault(one.video, one)
        if other.place.file != one.place.file and None not in (one.frames, other.frames):
            text = f"labels the frames of {one.video}, as {other.place.file} does; keep one of them"
            joined.wrong(one.place, text)
    return joined
