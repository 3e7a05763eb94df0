"""Finds the videos that a user names: files, folders, patterns, lists, and folders of images."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import frame_files
from slowfast.ak.frames.video import VIDEO_EXTENSIONS
from slowfast.ak.nearest import nearest

LIST_FILES = (".txt", ".lst", ".list")


@dataclass(frozen=True)
class Input:
    """A video to predict on.

    Attributes:
        path: of the file, or of the folder of images, as the user wrote it or as it was found.
        name: a short name that no other video has. It names the folder of its results, and can
            have `/`.
        is_folder: whether it is a folder of images.
        size: bytes; of a folder, of all its images.
        version: changes when the file changes.
    """

    path: str
    name: str
    is_folder: bool
    size: int
    version: str


def find_inputs(
    given: Sequence[str], without: Path | None = None, known: Mapping[str, str] | None = None
) -> list[Input]:
    """Returns the videos in the order in which they are named or found, each once.

    A folder gives its videos and those of its folders, sorted by name; a folder of numbered images
    is one video. A pattern such as ``day*/*.mp4`` gives what it matches. A text file (.txt) names a
    path a line, relative to its own folder or to the working folder; empty lines and lines that
    begin with # do not count.

    Args:
        without: a folder that is left out, such as the folder of results.
        known: names of an earlier run by absolute path, which the videos keep.

    Raises:
        UserError: something that is named does not exist, or there is no video in it.
    """
    paths: dict[str, str] = {}
    for text in given:
        found = list(_expand(text, without))
        if not found:
            raise UserError(
                f"{text}: there is no video in this folder; expected files that end in "
                f"{' '.join(VIDEO_EXTENSIONS)}, or numbered images such as fox_000001.jpg."
            )
        for path in found:
            paths.setdefault(_key(path), path)
    if not paths:
        raise UserError("No videos are named: name files, folders, patterns or text lists.")
    names = unique_names(list(paths), known or {})
    return [_input(path, names[key]) for key, path in paths.items()]


def _key(path: str) -> str:
    return os.path.realpath(path)


def _input(path: str, name: str) -> Input:
    try:
        if not Path(path).is_dir():
            state = Path(path).stat()
            return Input(path, name, False, state.st_size, f"{state.st_size} {state.st_mtime_ns}")
        states = [Path(path, file).stat() for file in frame_files(path)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    size, last = sum(state.st_size for state in states), max(s.st_mtime_ns for s in states)
    return Input(path, name, True, size, f"{len(states)} {size} {last}")


def given_again(path: str, name: str) -> Input:
    """Returns a video of an earlier run, whether it is still there or not."""
    return Input(path, name, Path(path).is_dir(), 0, "")


def _expand(text: str, without: Path | None, origin: str = "") -> Iterator[str]:
    """Yields the videos of one argument, or of a line of a list.

    Args:
        origin: the list and the line, for messages.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _in_folder(path, without.resolve() if without else None)
    elif path.is_file() and path.suffix.lower() in LIST_FILES:
        yield from _in_list(path, without)
    elif path.exists():
        yield str(path)
    elif has_magic(text):
        matches = sorted(glob(str(path), recursive=True))  # noqa: PTH207 -- absolute too
        if not matches:
            raise UserError(f"{origin}{text}: the pattern matches no file.")
        videos = [m for m in matches if Path(m).is_dir() or is_video_file(m)]
        if not videos:
            raise UserError(
                f"{origin}{text}: the pattern matches {len(matches)} files, such as {matches[0]}, "
                f"and none of them ends in {' '.join(VIDEO_EXTENSIONS)}."
            )
        for match in videos:
            yield from _expand(match, without)
    else:
        raise UserError(f"{origin}{text}: there is no such file or folder.{_similar(path)}")


def is_video_file(path: str) -> bool:
    """Returns whether the name of a file has the ending of a video."""
    return path.lower().endswith(VIDEO_EXTENSIONS)


def _similar(path: Path) -> str:
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 -- names, not paths
    except OSError:
        return f" The folder {path.parent} does not exist or cannot be read."
    near = nearest(path.name, names)
    return f" Did you mean {path.parent / near[0]}?" if near else ""


def _in_folder(folder: Path, without: Path | None) -> Iterator[str]:
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != without
        )
        videos = sorted(name for name in files if is_video_file(name) and name[0] != ".")
        yield from (str(here / name) for name in videos)
        if not videos and frame_files(place):
            yield str(here)


def _in_list(path: Path, without: Path | None) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: is not a text file in UTF-8; expected a path in each line. A video has "
            "another ending."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    wanted = [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip()]
    wanted = [(n, line) for n, line in wanted if not line.startswith("#")]
    if not wanted:
        raise UserError(f"{path}: names no video; expected a path in each line.")
    for number, line in wanted:
        beside = path.parent / line
        chosen = str(beside) if beside.exists() or not Path(line).exists() else line
        yield from _expand(chosen, without, f"{path}:{number}: ")


def unique_names(paths: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Returns a name for each path: its last parts, as many as make it unique.

    The ending is left out, unless two paths differ in nothing else. Names that differ in case or
    in the form of their letters (Unicode) only are not unique, because some disks do not
    distinguish them.

    Args:
        paths: absolute paths, all different.
        known: names that some paths have already.
    """
    names = {path: known[path] for path in paths if path in known}
    taken = {_folded(name) for name in known.values()}
    stems = Counter(_folded(_last_parts(path, 0, False)) for path in paths)
    endings = {path: stems[_folded(_last_parts(path, 0, False))] > 1 for path in paths}
    rest = [path for path in paths if path not in names]
    for depth in range(1, max((len(Path(path).parts) for path in rest), default=0)):
        options = {path: _last_parts(path, depth, endings[path]) for path in rest}
        count = Counter(map(_folded, options.values()))
        for path, name in options.items():
            if count[_folded(name)] == 1 and _folded(name) not in taken:
                names[path] = name
        taken |= {_folded(name) for name in names.values()}
        rest = [path for path in rest if path not in names]
    for number, path in enumerate(rest, 1):  # they differ in case or the form of letters only
        names[path] = f"{_last_parts(path, 1, True)} ({number})"
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _last_parts(path: str, depth: int, with_ending: bool) -> str:
    """The last `depth` parts of a path, all for 0."""
    parts = [part for part in Path(path).parts if part != os.sep][-depth:]
    if not with_ending and is_video_file(parts[-1]):
        parts[-1] = Path(parts[-1]).stem
    return "/".join(parts)
