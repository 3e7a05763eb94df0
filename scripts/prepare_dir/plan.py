"""Plans all changes to a checkout, and finds all obstacles, before anything is changed.

Adding, updating, going on after an interruption and removing are one comparison of what is there
with what is wanted; for --revert nothing is wanted. So no run needs to know how far an earlier one
came. Files and links are added first, then the blocks that import them, and then the rest is
removed: upstream's files never import a missing module.
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
    """The steps, and what to print about them.

    Attributes:
        steps: in their order, including those that write the journal before and after.
        lines: what the steps do, by path; a remark has the verb "".
    """

    steps: list[Step]
    lines: list[Line]

    def do(self) -> None:
        """Takes all steps. Raises OSError or Refused at the first that fails."""
        for step in self.steps:
            step.do()


def to_apply(
    root: Path, project: Path, recorded: Journal, mode: str, wanted: Carried, with_time: bool
) -> Plan:
    """Returns the plan that adds what is wanted. Raises Refused with all obstacles."""
    return _plan(root, project, Comparison(root, recorded, mode, wanted), with_time)


def to_revert(root: Path, project: Path, recorded: Journal) -> Plan:
    """Returns the plan that removes all that was written. Raises Refused with all obstacles."""
    return _plan(root, project, Comparison(root, recorded, "", {}), None)


def _plan(root: Path, project: Path, compared: Comparison, with_time: bool | None) -> Plan:
    """Returns a plan; `with_time` is None if everything is removed."""
    edits, lines, problems = _edits(root, with_time)
    others = [root / journal.NAME, *((root / file).resolve() for file in EDITED)]
    leftovers = [*compared.half_written, *half_written(others)]
    steps = [*compared.additions, *edits, *compared.removals]
    steps = leftovers + _with_journal(root / journal.NAME, steps, compared)
    problems += compared.problems
    problems += sorted({words for step in steps for words in _obstacles(step, project)})
    if problems:
        raise Refused("\n".join(problems))
    if count := len(leftovers):
        words = f"{count} file{'s' * (count > 1)} that an interrupted run left half-written"
        lines.append((".", {"remove": words}))
    return Plan(steps, [*compared.lines(), *lines])


def _edits(root: Path, with_time: bool | None) -> tuple[list[Step], list[Line], list[str]]:
    """Returns the steps that change upstream's files, lines about them, and problems."""
    steps, lines, problems = [], [], []
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
            lines.append((file, {"keep": words}))
            if with_time is None:
                problems.append(
                    f"{file}: {words}; save what you need of it, and delete it with both markers"
                )
            continue
        new, remarks = _edited(file, old, with_time)
        what = "names that pip knows, and a block about them" if file == names.FILE else "the block"
        leads = f", in {path.resolve()}, to which this link leads" if path.is_symlink() else ""
        if new != old:
            steps.append(Write(path, new, old))
            verb = "remove" if with_time is None else "update" if found else "add"
            lines.append((file, {verb: what + leads}))
        elif found:
            lines.append((file, {"in place": what + leads}))
        lines += [(file, {"": remark}) for remark in remarks]
    return steps, lines, problems


def _edited(file: str, old: bytes, with_time: bool | None) -> tuple[bytes, list[str]]:
    """Returns the content of an upstream file with or without its block, and remarks."""
    if file == names.FILE:
        return names.put_back(old) if with_time is None else names.replace(old)
    if with_time is None:
        return blocks.take(old), []
    return blocks.put(old, blocks.block_of(file, with_time)), []


def _with_journal(path: Path, steps: list[Step], compared: Comparison) -> list[Step]:
    """Returns the steps, preceded and followed by those that write the journal."""
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
    """Yields the reasons why a step would fail or must not be taken."""
    rewritten = isinstance(step, Write) and step.old is not None
    path = step.path.resolve() if rewritten else step.path.parent.resolve() / step.path.name
    if any(project / name in path.parents for name in ("slowfast", "configs", "tools")):
        yield f"{step.path} leads into this project through a link; remove that link"
    # Root can write to any file, but a file that nobody may write is meant to stay as it is.
    # The journal may not exist yet.
    if (
        rewritten
        and path.exists()
        and not (path.stat().st_mode & 0o222 and os.access(path, os.W_OK))
    ):
        yield f"{step.path} is read-only; run `chmod u+w` on it if it may be changed"
    folder = next(folder for folder in path.parents if folder.is_dir())
    if not os.access(folder, os.W_OK | os.X_OK):
        yield f"you may not write to {folder}; change its permissions"
