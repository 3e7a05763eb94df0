"""The command: its options, what it prints, and its status.

Status 0: done. 1: --check found a fault. 2: refused, or stopped by an error of the system.
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
The data may also be named by DIR_AK_AR, or by DIR_ROOT if they lie in its
Animal_Kingdom/action_recognition, and the checkout by DIR_SLOWFAST, or by DIR_ROOT
if it is its SlowFast.

  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --data ~/Animal_Kingdom/action_recognition
  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --check
  bash scripts/prepare_dir_AR.sh --slowfast ~/SlowFast --revert
"""
# What the verbs of a plan say of a checkout that is looked at, and not changed.
_FINDINGS = {
    "add": "missing",
    "update": "differs",
    "remove": "left over",
    "sweep up": "left over",
    "keep": "kept",
}


def main(argv: list[str] | None = None, project: Path = PROJECT) -> int:
    """Do what the command line asks for, and return the status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # names of bytes that are no text
    parser = _parser()
    args = parser.parse_args(argv)
    if args.check and args.dry_run:
        parser.error("--dry-run: not allowed with --check, which changes nothing anyway")
    try:
        return _run(args, project)
    except Refused as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except OSError as error:
        words = "Nothing is lost: the same command goes on from there, --revert takes all out."
        print(f"error: stopped by the system: {error}. {words}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from there.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_dir_AR.sh",
        description="Adds slowfast/ak and configs/AK to a checkout of upstream SlowFast.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slowfast", metavar="DIR", help="the checkout, of main or of patch-2")
    parser.add_argument("--data", metavar="DIR", help="action_recognition, linked into data/ak")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--copy", dest="mode", action="store_const", const="copy", help="(default)")
    words = "link to this project, instead of copying from it"
    modes.add_argument("--link", dest="mode", action="store_const", const="link", help=words)
    words = "tell what would be done, or with --revert undone, no more"
    parser.add_argument("--dry-run", action="store_true", help=words)
    actions = parser.add_mutually_exclusive_group()
    words = "tell what is in place, and try it: imports, recipes, a training step"
    actions.add_argument("--check", action="store_true", help=words)
    actions.add_argument("--revert", action="store_true", help="take out what was added")
    return parser


def _run(args: argparse.Namespace, project: Path) -> int:
    named = args.slowfast or os.environ.get("DIR_SLOWFAST")
    if not named and os.environ.get("DIR_ROOT"):
        named = Path(os.environ["DIR_ROOT"], "SlowFast")
    if not named:
        raise Refused("which checkout? Name it with --slowfast DIR, or in DIR_SLOWFAST")
    root = Path(named).expanduser().resolve()
    if not root.is_dir():
        raise Refused(f"{root}: there is no such folder; expected a checkout of upstream SlowFast")
    checkout.refuse_project(root, project)
    with _alone(root):
        return (_revert if args.revert else _apply)(args, root, project)


def _apply(args: argparse.Namespace, root: Path, project: Path) -> int:
    """Put all in, or with --check tell what is in place and try it."""
    found = checkout.recognise(root)
    data = carried.data_links(root, args.data, os.environ)
    recorded, mode = _recorded(root, project, args.mode, data)
    wanted = {**carried.of_project(project, mode), **_data_before(root, recorded), **data}
    planned = plan.to_apply(root, project, recorded, mode, wanted, found.with_time)
    told = planned.told
    named = any(path.startswith(f"{carried.DATA}/") for path in wanted)
    if not named and not (root / carried.DATA).exists():
        told = [*told, (carried.DATA, {"": "no data were named; --data DIR links them"})]
    likeness = f"{root} resembles upstream's {found.likeness}."
    if args.check:
        return _check(root, planned, [likeness, *_table(told, _FINDINGS)])
    lines, older = [likeness, *_table(told)], filter(None, [check.too_old()])
    if args.dry_run:
        _print(*lines, "A dry run: nothing was changed.", *older)
        return 0
    planned.do()
    _print(
        *lines,
        "Done. Next:" if planned.steps else "All was in place: nothing was changed. Next:",
        f"  cd {shlex.quote(str(root))}",
        "  export PYTHONPATH=$PWD",
        f"  pip install -r {carried.PACKAGE}/requirements.txt",
        f"  bash {shlex.quote(str(project / 'scripts/prepare_dir_AR.sh'))} --slowfast . --check",
        "  python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml",
        *older,
    )
    return 0


def _check(root: Path, planned: plan.Plan, lines: list[str]) -> int:
    _print(*lines)
    if not (root / carried.PACKAGE).exists():
        _print("Nothing is in place: run this without --check first.")
        return 1
    if planned.steps:
        _print("This is not all as this project has it: run this without --check.")
    _print(check.imported(root))
    return max(check.run(root), int(bool(planned.steps)))


def _revert(args: argparse.Namespace, root: Path, project: Path) -> int:
    lost = not (root / journal.NAME).exists()
    data = carried.data_links(root, args.data, os.environ) if lost else {}
    recorded, _ = _recorded(root, project, None, data)
    planned = plan.to_revert(root, project, recorded)
    told = planned.told
    if lost and (root / carried.DATA).exists() and not data:
        words = "without --data its links are not known to be ours"
        told = [*told, (carried.DATA, {"keep": words})]
    lines = _table(told)
    if args.dry_run:
        _print(*lines, "A dry run: nothing was changed.")
    elif not planned.steps:
        _print(f"{root}: nothing of this project's is here.")
    else:
        planned.do()
        _print(*lines, f"Taken out of {root}.")
    return 0


def _recorded(
    root: Path, project: Path, mode: str | None, data: carried.Carried
) -> tuple[Journal, str]:
    """What an earlier run wrote, and the mode to go on in.

    Without a journal, blocks show that one was lost; what is carried is then known by its content.
    """
    found = journal.read(root)
    if found is None and not _has_block(root):
        return Journal(), mode or "copy"
    was = found.mode if found else "link" if (root / carried.PACKAGE).is_symlink() else "copy"
    if mode and mode != was:
        raise Refused(f"{root} was prepared with --{was}; for --{mode}, --revert it first")
    return found or journal.guessed(was, {**carried.of_project(project, was), **data}), was


def _has_block(root: Path) -> bool:
    for file in plan.EDITED:
        try:
            if blocks.find(checkout.read(root / file)):
                return True
        except Refused:
            continue
    return False


def _data_before(root: Path, recorded: Journal) -> carried.Carried:
    """The links to data that an earlier run made, for runs to which no data are named."""
    links = {}
    for path, known in recorded.written.items():
        if path.startswith(f"{carried.DATA}/"):
            now = journal.fingerprint_at(root / path)
            links[path] = journal.target(now if now in known else known[0])
    return links


def _table(told: list[Line], verbs: Mapping[str, str] | None = None) -> list[str]:
    """The lines as they are printed, verbs in other words where these are given."""
    width = max([len(path) for path, _ in told], default=0)
    table = []
    for path, parts in told:
        words = [
            f"{(verbs or {}).get(verb, verb)}: {what}" if verb else what
            for verb, what in parts.items()
        ]
        table.append(f"  {path:{width}}  {', '.join(words)}")
    return table


def _print(*lines: str) -> None:
    """Print lines; a reader, such as `head`, may have seen enough before their end."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep a second run off the same checkout, on systems and disks that can."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"{root}: another run is at work there; wait for it") from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)
