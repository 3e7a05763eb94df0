"""The few things that are done to a disk, each whole or not at all.

Notable: a file is written beside its place and then moved there, so that a stop at any point, or a
full disk, leaves the old one or the new one. What such a stop leaves beside is known by its name
and swept away by the next plan. A file that is a link stays one: the file it leads to is replaced,
and keeps its mode, its owner and its extended attributes.
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
    """Where the next content of a file is written before it takes its place."""
    return path.with_name(f".{path.name}.prepare_dir_AR.new")


@dataclass(frozen=True)
class Step:
    """One change at a path. `do` raises OSError where the system will not have it."""

    path: Path

    def do(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Write(Step):
    """Gives a file new content; `old` is what it must have until then, None where it is made."""

    content: bytes
    old: bytes | None = None

    def do(self) -> None:
        path = self.path if self.old is None else self.path.resolve()
        new = beside(path)
        try:
            self._write(new)
            now = path.read_bytes() if os.path.lexists(path) else None
            if now != self.old:
                raise Refused(f"{path} was changed by somebody else just now")
            new.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise

    def _write(self, new: Path) -> None:
        mode = 0o666 if self.old is None else 0o600  # until it gets that of the old file
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
    """Makes a symbolic link, or leads one that is there elsewhere."""

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
    """Takes away a file or a link."""

    def do(self) -> None:
        self.path.unlink()


@dataclass(frozen=True)
class RemoveFolder(Step):
    """Takes away an empty folder."""

    def do(self) -> None:
        self.path.rmdir()


def half_written(paths: Iterable[Path]) -> list[Step]:
    """Steps that remove what a run left beside these files when it was stopped."""
    return [Remove(path) for path in map(beside, paths) if os.path.lexists(path)]


def _copy_attributes(old: Path, new: Path) -> None:
    """Mode, extended attributes and, as far as allowed, owner; the time is that of the change."""
    status = old.stat()
    for owner in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        with contextlib.suppress(OSError):
            os.chown(new, *owner)
            break
    shutil.copystat(old, new)  # after chown, which may take bits of the mode away
    os.utime(new)
