"""All that is to be done to a checkout, and all that stands in the way, before anything is touched.

Notable: adding, updating, going on after a stop and taking out are one comparison of what is there
with what is wanted, which is nothing when all is taken out. So no run needs to know how far an
earlier one came. Files and links come first, then the blocks that import them, then what is to go:
upstream's files never import what is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare_dir import Refused, blocks, checkout, journal, names
from prepare_dir.carried import Carried
from prepare_dir.compare import Comparison, Line
from prepare_dir.disk import Remove, Step, Write, half_written
from prepare_dir.journal import Journal

EDITED = (*blocks.FILES, names.FILE)


@dataclass(frozen=True)
class Plan:
    """What `do` will do.

    Attributes:
        steps: in their order, with those that write the journal before and after all changes.
        told: a line for each thing that deserves one; a remark is under the verb "".
    """

    steps: list[Step]
    told: list[Line]

    def do(self) -> None:
        """Take all steps. Raises OSError or Refused at the first that fails."""
        for step in self.steps:
            step.do()


def to_apply(
    root: Path, project: Path, recorded: Journal, mode: str, wanted: Carried, with_time: bool
) -> Plan:
    """What is wanted gets in. Raises Refused with everything that stands in the way."""
    return _plan(root, project, Comparison(root, recorded, mode, wanted), with_time)


def to_revert(root: Path, project: Path, recorded: Journal) -> Plan:
    """All that was written gets out. Raises Refused with everything that stands in the way."""
    return _plan(root, project, Comparison(root, recorded, "", {}), None)


def _plan(root: Path, project: Path, compared: Comparison, with_time: bool | None) -> Plan:
    """`with_time` is None where all is taken out."""
    edits, told, problems = _edits(root, with_time)
    others = [root / journal.NAME, *((root / file).resolve() for file in EDITED)]
    swept = [*compared.sweepings, *half_written(others)]
    steps = [*compared.additions, *edits, *compared.removals]
    steps = swept + _with_journal(root / journal.NAME, steps, compared)
    problems += compared.problems
    problems += sorted({words for step in steps for words in _obstacles(step, project)})
    if problems:
        raise Refused("\n".join(problems))
    if swept:
        words = f"{len(swept)} file{'s' * (len(swept) > 1)} that a stopped run left half-written"
        told.append((".", {"sweep up": words}))
    return Plan(steps, [*compared.lines(), *told])


def _edits(root: Path, with_time: bool | None) -> tuple[list[Step], list[Line], list[str]]:
    """The steps that change upstream's files, lines on them, and problems."""
    steps, told, problems = [], [], []
    for file in EDITED:
        path = root / file
        if not path.is_file() and (with_time is None or file == names.FILE):
            continue
        try:
            old = checkout.read(path)
            found = blocks.find(old)
        except Refused as problem:
            problems.append(f"{file}: {problem}")
            continue
        if found and found.changed:
            words = f"the block in {found.place} was changed by hand"
            told.append((file, {"keep": words}))
            if with_time is None:
                problems.append(
                    f"{file}: {words}; delete it yourself, both markers included, once you have "
                    "put by what you need of it"
                )
            continue
        new, remarks = _edited(file, old, with_time)
        what = "names that pip knows, and a block on them" if file == names.FILE else "the block"
        leads = f", in {path.resolve()}, where this link leads" if path.is_symlink() else ""
        if new != old:
            steps.append(Write(path, new, old))
            verb = "take out" if with_time is None else "update" if found else "add"
            told.append((file, {verb: what + leads}))
        elif found:
            told.append((file, {"in place": what + leads}))
        told += [(file, {"": remark}) for remark in remarks]
    return steps, told, problems


def _edited(file: str, old: bytes, with_time: bool | None) -> tuple[bytes, list[str]]:
    """The content of an upstream file with its block, or without, and remarks on it."""
    if file == names.FILE:
        return names.put_back(old) if with_time is None else names.replace(old)
    if with_time is None:
        return blocks.take(old), []
    return blocks.put(old, blocks.block_of(file, with_time)), []


def _with_journal(path: Path, steps: list[Step], compared: Comparison) -> list[Step]:
    """The steps between those that write what the journal says during and after them."""
    old = path.read_bytes() if path.exists() else None
    after = compared.after.content() if compared.wanted else None
    if not steps and after == old:
        return []
    during = compared.recorded.joined(compared.after).content()
    first = [] if during == old else [Write(path, during, old)]
    if after is None:
        return [*first, *steps, Remove(path)]
    return [*first, *steps, *([] if after == during else [Write(path, after, during)])]


def _obstacles(step: Step, project: Path) -> Iterator[str]:
    """What can be seen beforehand of why a step would fail, or must not be taken."""
    rewritten = isinstance(step, Write) and step.old is not None
    path = step.path.resolve() if rewritten else step.path.parent.resolve() / step.path.name
    if any(project / name in path.parents for name in ("slowfast", "configs", "tools")):
        yield f"{step.path} lies in this project, by way of a link; remove that link"
    # Root may write to all, but a file without any such bit is meant to stay as it is.
    if rewritten and not (path.stat().st_mode & 0o222 and os.access(path, os.W_OK)):
        yield f"{step.path} is read-only; `chmod u+w` it if it may be changed"
    folder = next(folder for folder in path.parents if folder.is_dir())
    if not os.access(folder, os.W_OK | os.X_OK):
        yield f"{folder} may not be written to by you"
