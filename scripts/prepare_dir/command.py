"""The command: its options, its output, and its exit status.

Status 0: done. 1: --check found a fault. 2: refused, or a system error.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from prepare_dir import Refused, blocks, carried, check, checkout, journal, plan
from prepare_dir.compare import Line
from prepare_dir.journal import Journal

PROJECT = Path(__file__).resolve().parents[2]
_EXAMPLES = """\
Environment variables can replace options: DIR_AK_AR names the data, DIR_SLOWFAST the checkout.
DIR_ROOT names a folder with both, in Animal_Kingdom/action_recognition and SlowFast.

  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --data ~/Animal_Kingdom/action_recognition
  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --check
  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --revert
"""
# The verbs of a plan, as --check prints them, which changes nothing.
_FINDINGS = {
    "add": "missing",
    "update": "differs",
    "remove": "left over",
    "keep": "kept",
}


def main(argv: list[str] | None = None, project: Path = PROJECT) -> int:
    """Does what the command line asks for, and returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # file names that are no text
    parser = _parser()
    args = parser.parse_args(argv)
    if args.check and args.dry_run:
        parser.error("--dry-run: not allowed with --check, which changes nothing")
    try:
        return _run(args, project)
    except Refused as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except OSError as error:
        words = "Run the same command again to go on, or --revert to remove everything."
        print(f"error: {error}. {words}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_dir_AR.sh",
        description="Adds slowfast/ak and configs/AK to a checkout of upstream SlowFast.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slowfast", metavar="DIR", help="the checkout, of branch main or patch-2")
    parser.add_argument(
        "--data", metavar="DIR", help="the data set's action_recognition, to be linked into data/ak"
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--copy", dest="mode", action="store_const", const="copy", help="(default)")
    words = "link to this project instead of copying from it"
    modes.add_argument("--link", dest="mode", action="store_const", const="link", help=words)
    words = "print what would be changed, and change nothing"
    parser.add_argument("--dry-run", action="store_true", help=words)
    actions = parser.add_mutually_exclusive_group()
    words = "print what is in place, and try it: imports, recipes, a training step"
    actions.add_argument("--check", action="store_true", help=words)
    actions.add_argument("--revert", action="store_true", help="remove what was added")
    return parser


def _run(args: argparse.Namespace, project: Path) -> int:
    named = args.slowfast or os.environ.get("DIR_SLOWFAST")
    if not named and os.environ.get("DIR_ROOT"):
        named = Path(os.environ["DIR_ROOT"], "SlowFast")
    if not named:
        raise Refused("no checkout is named; use --slowfast DIR, or set DIR_SLOWFAST")
    root = Path(named).expanduser().resolve()
    if not root.is_dir():
        raise Refused(f"{root}: no such folder; expected a checkout of upstream SlowFast")
    checkout.refuse_project(root, project)
    with _locked(root):
        return (_revert if args.revert else _apply)(args, root, project)


def _apply(args: argparse.Namespace, root: Path, project: Path) -> int:
    """Adds everything; or, with --check, prints what is in place and tries it."""
    found = checkout.recognise(root)
    data = carried.data_links(root, args.data, os.environ)
    recorded, mode = _recorded(root, project, args.mode, data)
    if not (root / journal.NAME).exists():
        _refuse_other_version(root, recorded)
    wanted = {**carried.of_project(project, mode), **_data_before(root, recorded), **data}
    planned = plan.to_apply(root, project, recorded, mode, wanted, found.with_time)
    lines = planned.lines
    named = any(path.startswith(f"{carried.DATA}/") for path in wanted)
    if not named and not (root / carried.DATA).exists():
        lines = [*lines, (carried.DATA, {"": "no data are named; --data DIR links them"})]
    likeness = f"{root} resembles upstream's branch {found.likeness}."
    if args.check:
        return _check(root, planned, [likeness, *_table(lines, _FINDINGS)])
    lines, warnings = [likeness, *_table(lines)], filter(None, [check.too_old()])
    if args.dry_run:
        _print(*lines, "Dry run: nothing was changed.", *warnings)
        return 0
    planned.do()
    _print(
        *lines,
        "Done. Next:" if planned.steps else "Everything was in place: nothing was changed. Next:",
        f"  cd {shlex.quote(str(root))}",
        "  export PYTHONPATH=$PWD",
        f"  pip install -r {carried.PACKAGE}/requirements.txt",
        f"  bash {shlex.quote(str(project / 'scripts/prepare_dir_AR.sh'))} --slowfast . --check",
        "  python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml",
        *warnings,
    )
    return 0


def _check(root: Path, planned: plan.Plan, lines: list[str]) -> int:
    _print(*lines)
    if not (root / carried.PACKAGE).exists():
        _print("Nothing is in place; run this without --check first.")
        return 1
    if planned.steps:
        _print("The checkout differs from this project; run this without --check to update it.")
    _print(check.imported(root))
    return max(check.run(root), int(bool(planned.steps)))


def _revert(args: argparse.Namespace, root: Path, project: Path) -> int:
    lost = not (root / journal.NAME).exists()
    data = carried.data_links(root, args.data, os.environ) if lost else {}
    recorded, _ = _recorded(root, project, None, data)
    planned = plan.to_revert(root, project, recorded)
    lines = planned.lines
    if lost and (root / carried.DATA).exists() and not data:
        words = f"{journal.NAME} is missing; name the data with --data to remove their links"
        lines = [*lines, (carried.DATA, {"keep": words})]
    lines = _table(lines)
    if args.dry_run:
        _print(*lines, "Dry run: nothing was changed.")
    elif not planned.steps:
        _print(f"{root}: nothing of this project is here.")
    else:
        planned.do()
        _print(*lines, f"Removed from {root}.")
        if lost and (root / carried.PACKAGE).is_dir():
            _print(
                f"{root / carried.PACKAGE} is still there: without {journal.NAME} files of another "
                "version are not recognised. Delete the folder unless you need it."
            )
    return 0


def _recorded(
    root: Path, project: Path, mode: str | None, data: carried.Carried
) -> tuple[Journal, str]:
    """Returns what an earlier run wrote, and the mode.

    If there are blocks and no journal, it was lost. Then what would be carried now is taken for
    written; links to another copy of this project are too.
    """
    found = journal.read(root)
    if found is None and not _has_block(root):
        return Journal(), mode or "copy"
    was = found.mode if found else "link" if (root / carried.PACKAGE).is_symlink() else "copy"
    if mode and mode != was:
        raise Refused(f"{root} was prepared with --{was}; for --{mode}, --revert it first")
    if found:
        return found, was
    items = carried.of_project(project, was) if was == "copy" else carried.links_to_a_project(root)
    return journal.guessed(was, {**items, **data}), was


def _refuse_other_version(root: Path, guessed: Journal) -> None:
    """Raises Refused if a checkout without a journal has other files of ours than this project."""
    names = [path for path in carried.files_below(root, carried.PACKAGE) if path in guessed.written]
    other = [n for n in names if journal.fingerprint_at(root / n) not in guessed.written[n]]
    if other:
        raise Refused(
            f"{root / journal.NAME} is missing, and files differ from this project's: "
            f"{', '.join(other[:3])} ({len(other)} in all). Another version wrote them, or you "
            f"changed them: save what is yours, delete {carried.PACKAGE}, and run this again"
        )


def _has_block(root: Path) -> bool:
    for file in plan.EDITED:
        try:
            if blocks.find(checkout.read(root / file)):
                return True
        except Refused:
            continue
    return False


def _data_before(root: Path, recorded: Journal) -> carried.Carried:
    """Returns the links to data that an earlier run made; a run without --data keeps them."""
    links = {}
    for path, known in recorded.written.items():
        if path.startswith(f"{carried.DATA}/"):
            now = journal.fingerprint_at(root / path)
            links[path] = journal.target(now if now in known else known[0])
    return links


def _table(lines: list[Line], verbs: Mapping[str, str] | None = None) -> list[str]:
    """Returns the lines as they are printed; `verbs` replaces verbs."""
    width = max([len(path) for path, _ in lines], default=0)
    table = []
    for path, parts in lines:
        words = [
            f"{(verbs or {}).get(verb, verb)}: {what}" if verb else what
            for verb, what in parts.items()
        ]
        table.append(f"  {path:{width}}  {', '.join(words)}")
    return table


def _print(*lines: str) -> None:
    """Prints lines; a reader such as `head` may stop before their end."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Refuses a second run on the same checkout, if the system and the disk can lock it."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"{root}: another run is changing it; wait until it has ended") from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)
