#!/usr/bin/env python3
"""Makes the values of tests/reference again, with the code of an upstream SlowFast checkout.

    python tools/reference_values.py --upstream ../SlowFast --out /tmp/reference --compare

The checkout has to run. On current libraries it does after scripts/prepare_dir_AR.sh. With
--compare each file is compared with the existing one; the exit status is 1 if a file differs by
more than float32 does, or could not be made. See docs/REFERENCE_VALUES.md.
"""

import argparse
import sys
from pathlib import Path

# This project comes first, because PYTHONPATH may hold the checkout and its slowfast.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference_parts.comparison import compare
from reference_parts.files import REFERENCE, kind_of, names_in, read, write
from reference_parts.making import Result, make
from slowfast.ak.errors import UserError
from slowfast.utils.terminal import prints_errors


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--upstream", type=Path, required=True, metavar="DIR", help="the checkout")
    add("--out", type=Path, metavar="FOLDER", help="folder for the new files")
    add("--compare", action="store_true", help="compare the new files with the existing ones")
    add(
        "--reference",
        type=Path,
        default=REFERENCE,
        metavar="FOLDER",
        help="the existing files, whose inputs are the cases (default: tests/reference)",
    )
    add(
        "--only",
        nargs="+",
        default=["*"],
        metavar="FILE",
        help="files to make, such as 'models/*X3D*' (default: all)",
    )
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    names = _names(args)
    good = True
    for result in make(args.upstream, args.reference, names):
        good &= _report(result, args)
    return 0 if good else 1


def _names(args: argparse.Namespace) -> list[str]:
    if not (args.out or args.compare):
        raise UserError("nothing to do: give --out FOLDER, or --compare, or both.")
    if args.out and args.out.resolve() == args.reference.resolve():
        raise UserError(
            f"--out {args.out}: this folder holds the cases and the values to compare with; give "
            "another folder, look at the differences, and copy the files over."
        )
    names = names_in(args.reference, args.only)
    if not names:
        raise UserError(f"{args.reference}: no reference file matches {' '.join(args.only)}.")
    return names


def _report(result: Result, args: argparse.Namespace) -> bool:
    """Prints the result for a file, and writes the file; returns whether the result is good."""
    if result.skipped:
        print(f"{result.name}: skipped, {result.skipped}", flush=True)
        return True
    if result.failed:
        print(f"{result.name}: NOT MADE, {result.failed}", flush=True)
        return False
    made, verdict, good, details = result.made, "", True, []
    if args.out:
        write(args.out, result.name, made.content)
    if args.compare:
        found = compare(read(args.reference, result.name), made, kind_of(result.name).agreement)
        verdict, good, details = f"; {found.summary()}", not found.wrong, found.remarks()
    details += [
        f"left out, {reason}: {', '.join(names)}" for reason, names in made.left_out.items()
    ]
    print(f"{result.name}: made in {result.seconds:.0f} s{verdict}")
    print(*(f"    {words}\n" for words in details), sep="", end="", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
