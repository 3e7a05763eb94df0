"""The steps that change the disk; each is done whole or not at all.

A file is written beside its place and then moved there, so that an interruption, or a full disk,
leaves the old file or the new one. The next plan removes what an interruption left beside, which it
knows by name. A link to a file stays a link: the file that it leads to is replaced, and keeps its
mode, owner and extended attributes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prepare_dir import Refused


def beside(path: Path) -> Path:
    """Returns the path at which the new content of a file is written first."""
    return path.with_name(f".{path.name}.prepare_dir_AR.new")


@dataclass(frozen=True)
class Step:
    """One change at a path. `do` raises OSError if the system refuses it."""

    path: Path

    def do(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Write(Step):
    """Gives a file new content. `old` is its content until then; None for a new file."""

    content: bytes
    old: bytes | None = None

    def do(self) -> None:
        path = self.path if self.old is None else self.path.resolve()
        new = beside(path)
        try:
            self._write(new)
            now = path.read_bytes() if os.path.lexists(path) else None
            if now != self.old:
                raise Refused(f"{path} was changed by another program just now")
            new.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise

    def _write(self, new: Path) -> None:
        mode = 0o666 if self.old is None else 0o600  # replaced by the mode of the old file
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        try:
            left = memoryview(self.content)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if self.old is not None:
            _copy_attributes(self.path, new)


@dataclass(frozen=True)
class Link(Step):
    """Makes a symbolic link, or changes the target of one."""

    target: str
    old: str | None = None

    def do(self) -> None:
        if self.old is None:
            self.path.symlink_to(self.target)
            return
        new = beside(self.path)
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        new.symlink_to(self.target)
        new.replace(self.path)


@dataclass(frozen=True)
class MakeFolder(Step):
    """Makes a folder."""

    def do(self) -> None:
        self.path.mkdir()


@dataclass(frozen=True)
class Remove(Step):
    """Removes a file or a link."""

    def do(self) -> None:
        self.path.unlink()


@dataclass(frozen=True)
class RemoveFolder(Step):
    """Removes an empty folder."""

    def do(self) -> None:
        self.path.rmdir()


def half_written(paths: Iterable[Path]) -> list[Step]:
    """Returns the steps that remove what an interrupted run left beside these files."""
    return [Remove(path) for path in map(beside, paths) if os.path.lexists(path)]


def _copy_attributes(old: Path, new: Path) -> None:
    """Copies mode, extended attributes and, as far as allowed, owner, but not the time."""
    status = old.stat()
    for owner in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        with contextlib.suppress(OSError):
            os.chown(new, *owner)
            break
    shutil.copystat(old, new)  # after chown, which can clear bits of the mode
    os.utime(new)
