"""The list of formats that events are written in. A format is one file, which adds itself here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from slowfast.ak.errors import UserError
from slowfast.data_tools.exchange.film import Film
from slowfast.data_tools.exchange.report import Report

# What an event, or a film, can have, and words for its loss.
FEATURES = {
    "subjects": "subjects",
    "modifiers": "modifiers",
    "points": "point events, written as bouts of one frame",
    "comments": "comments",
    "scores": "scores of predicted bouts",
    "splits": "splits into training, validation and test",
    "observations": "names of observations",
    "overlaps": "bouts that overlap another of their class, subject and modifiers, united",
    "empty videos": "videos without events",
    "observed time": "videos that were observed in part; the rest now counts as observed",
    "unlabelled time": "videos with times that nobody labelled, which now count as without events",
}


@dataclass(frozen=True)
class Writer:
    """A format that events are written in.

    Attributes:
        name: the word for it on the command line.
        title: its name in messages.
        reads_as: the name of the same format in `slowfast.data_tools.events.FORMATS`.
        endings: of file names that stand for the format, in lower case.
        keeps: the names in `FEATURES` that the format can hold.
        write: writes films of classes to a path, and returns the files. It raises UserError if the
            format cannot hold them at all.
        one_file_each: whether each video becomes a file of its own, so that several need a folder.
    """

    name: str
    title: str
    reads_as: str
    endings: tuple[str, ...]
    keeps: frozenset[str]
    write: Callable[[Sequence[Film], Sequence[str], Path, Report], list[Path]]
    one_file_each: bool = False


WRITERS: dict[str, Writer] = {}


def add_writer(
    name: str,
    title: str,
    *,
    reads_as: str,
    endings: tuple[str, ...],
    keeps: tuple[str, ...],
    write: Callable[[Sequence[Film], Sequence[str], Path, Report], list[Path]],
    one_file_each: bool = False,
) -> None:
    """Adds a format to the list."""
    assert set(keeps) <= set(FEATURES), f"{name}: {sorted(set(keeps) - set(FEATURES))}"
    WRITERS[name] = Writer(name, title, reads_as, endings, frozenset(keeps), write, one_file_each)


def put(path: Path, data: bytes) -> Path:
    """Writes a file as a whole: the old one stays if that fails.

    Raises:
        UserError: the file cannot be written.
    """
    beside = path.with_name(f"{path.name}.unfinished.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def targets(films: Sequence[Film], path: Path, ending: str) -> Iterator[tuple[Film, Path]]:
    """Yields each film with its file: `path` if that is a file name, else one below the folder.

    Raises:
        UserError: several films, or several of one name, and one file.
    """
    if path.suffix.lower() == f".{ending.rpartition('.')[2]}" and not path.is_dir():
        if len(films) > 1:
            raise UserError(
                f"{path}: is one file, and there are {len(films)} videos "
                f"({', '.join(film.name for film in films[:3])}, ...), each of which needs a file "
                "of its own; name a folder"
            )
        yield from ((film, path) for film in films)
        return
    names: dict[str, Film] = {}
    for film in films:
        name = stem_of(film)
        if name in names:
            observation = re.sub(r"[\\/:]", "_", film.observation)
            name = f"{observation} {name}".strip()
        if name in names:
            raise UserError(
                f"{path / (name + ending)}: would be the file of two videos, {names[name].name} of "
                f"{names[name].place} and {film.name} of {film.place}; rename one of them, or "
                "choose one with --observation"
            )
        names[name] = film
        yield film, path / f"{name}{ending}"


def stem_of(film: Film) -> str:
    """The name of a video without folders and ending."""
    return PurePath(film.name.replace("\\", "/")).stem or "video"
