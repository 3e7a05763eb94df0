"""Compares the checkout, the journal and what is wanted, path by path.

A path is missing; or it is as wanted; or it is as the script wrote it, and can be replaced or
removed; or it is the user's, and is kept and reported. If the user put a link in place of a folder
of the script, nothing is done behind it: it can lead to data, another checkout or this project.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path, PurePosixPath

from prepare_dir import carried, journal
from prepare_dir.carried import PACKAGE, RECIPES, ROOTS, Carried
from prepare_dir.disk import Link, MakeFolder, Remove, RemoveFolder, Step, Write, half_written
from prepare_dir.journal import Journal

# A path, and a dict from verbs, such as "add", to what the verb applies to, in words.
Line = tuple


class Comparison:
    """The comparison of a checkout with what is wanted. If nothing is, all that was written goes.

    Attributes:
        half_written: the steps that remove files that an interrupted run left half-written.
        additions, removals: the other steps, in their order.
        after: the journal after all steps.
        kept: the user's paths, and why they are kept.
        problems: what the user has to settle first.
    """

    def __init__(self, root: Path, recorded: Journal, mode: str, wanted: Carried):
        self.root, self.recorded, self.wanted = root, recorded, wanted
        paths = sorted({*wanted, *recorded.written})
        self.half_written = half_written(root / p for p in paths if not self._link_above(p))
        self.additions: list[Step] = []
        self.removals: list[Step] = []
        self.kept: dict[str, str] = {}
        self._links: dict[str, dict[str, str]] = {}  # verb and words for each link
        self.problems: list[str] = []
        self._written: dict[str, list[str]] = {}
        self._folders = {folder for folder in recorded.folders if (root / folder).is_dir()}
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ROOTS}
        self._gone = {step.path for step in self.half_written}
        for path in paths:
            self._compare(path)
        self._remove_folders()
        self._find_own_package()
        self.after = Journal(mode, self._written, sorted(self._folders))

    def lines(self) -> list[Line]:
        """Returns a line for each folder with its numbers of files, then lines for single paths."""
        sums = [
            (name, {verb: f"{n} file{'s' * (n > 1)}" for verb, n in counts.items()})
            for name, counts in self._counts.items()
            if counts
        ]
        kept = [(path, {"keep": words}) for path, words in sorted(self.kept.items())]
        return [*sums, *sorted(self._links.items()), *kept]

    def _compare(self, path: str) -> None:
        if link := self._link_above(path):
            self.kept[link] = "your link; nothing is changed behind it"
            return
        full, item = self.root / path, self.wanted.get(path)
        now, known = journal.fingerprint_at(full), self.recorded.written.get(path, [])
        if item is None:
            if now is None or now in known:
                self._remove(path, now)
            else:
                self.kept[path] = "changed since it was written"
            return
        wanted = journal.fingerprint(item)
        if known:
            self._written[path] = [wanted] if now == wanted else known
        if now == wanted:
            self._count(path, "in place", item)
        elif now is None or now in known:
            self._add(path, item, now)
        else:
            self.kept[path] = "changed since it was written" if known else "yours"

    def _add(self, path: str, item: bytes | str, now: str | None) -> None:
        full = self.root / path
        for folder in list(reversed(PurePosixPath(path).parents))[1:]:
            place = self.root / folder
            if os.path.lexists(place) and not place.is_dir():
                self.kept[str(folder)] = "not a folder, so that nothing can be put into it"
                return
            if not place.is_dir() and str(folder) not in self._folders:
                self._folders.add(str(folder))
                self.additions.append(MakeFolder(place))
        self._written[path] = [journal.fingerprint(item)]
        self._count(path, "update" if now else "add", item)
        if isinstance(item, str):
            self.additions.append(Link(full, item, old=journal.target(now) if now else None))
        else:
            self.additions.append(Write(full, item, old=full.read_bytes() if now else None))

    def _remove(self, path: str, now: str | None) -> None:
        """Removes a file or link that is no longer wanted, and the bytecode of the file first."""
        full = self.root / path
        caches = []
        if full.suffix == ".py":
            caches = sorted(full.parent.glob(f"__pycache__/{full.stem}.*.pyc"))
        self.removals += map(Remove, caches)
        self._gone.update(caches)
        if now is not None:
            self._count(path, "remove", journal.target(now) if full.is_symlink() else b"")
            self.removals.append(Remove(full))
            self._gone.add(full)

    def _remove_folders(self) -> None:
        """Removes folders that the script made, that are not wanted, and that become empty."""
        needed = {str(folder) for path in self.wanted for folder in PurePosixPath(path).parents}
        made = {self.root / folder for folder in self._folders - needed}
        caches = {path.parent for path in self._gone if path.parent.name == "__pycache__"}
        caches |= {folder / "__pycache__" for folder in made if (folder / "__pycache__").is_dir()}
        for folder in sorted(made | caches, key=lambda folder: (-len(folder.parts), folder)):
            name = folder.relative_to(self.root).as_posix()
            left = {*folder.iterdir()} - self._gone
            if not left:
                self.removals.append(RemoveFolder(folder))
                self._gone.add(folder)
                self._folders.discard(name)
            for path in left - made - caches:
                self.kept.setdefault(path.relative_to(self.root).as_posix(), "yours")

    def _find_own_package(self) -> None:
        """Finds a `slowfast/ak` that the script did not write and cannot replace."""
        below = f"{PACKAGE}/"
        recorded = any(f"{path}/".startswith(below) for path in self.recorded.written)
        theirs = {path for path in self.kept if f"{path}/".startswith(below)}
        if not recorded and not (self.root / PACKAGE).is_symlink():
            there = carried.files_below(self.root, PACKAGE)
            theirs |= {path for path in there if path not in self.wanted}
        if self.wanted and theirs and (not recorded or PACKAGE in theirs):
            self.problems.append(
                f"{PACKAGE} exists and was not written by this script (found "
                f"{', '.join(sorted(theirs)[:3])}); rename it, or move it away"
            )

    def _link_above(self, path: str) -> str | None:
        """Returns the first folder of a path that is a link, at or below one of ROOTS."""
        for folder in map(str, reversed(PurePosixPath(path).parents)):
            within = f"{folder}/".startswith(tuple(f"{name}/" for name in ROOTS))
            if within and (self.root / folder).is_symlink():
                return folder
        return None

    def _count(self, path: str, verb: str, item: bytes | str) -> None:
        """Counts files and links to recipes; gives links to the package or data their own line."""
        name = next(name for name in ROOTS if f"{path}/".startswith(f"{name}/"))
        if isinstance(item, str) and name != RECIPES:
            lost = verb == "in place" and not (self.root / path).exists()
            self._links[path] = {verb: f"a link to {item}" + ", which leads nowhere" * lost}
        else:
            self._counts[name][verb] += 1
