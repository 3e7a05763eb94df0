"""Prints how the cost of training grows: counted, measured here, and calculated for many GPUs.

    python benchmarks/scaling.py /tmp/benchmark                    # all parts
    python benchmarks/scaling.py /tmp/benchmark steps --repeats 9  # one part only
    python benchmarks/scaling.py /tmp/benchmark projection --set decode_ms=2.5 link=12.5

The networks are small, so that all parts take minutes on two CPU cores; the results are ratios,
each from one run. The part `projection` measures nothing. It prints its formulas with their
numbers, and --set changes a number.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this project

from benchmarks.scaling_parts import counts, processes, projection, reading, steps

# In the order of the tables.
PARTS = (counts, steps, reading, processes, projection)


def main() -> int:
    """Prints the tables of the chosen parts."""
    names = [part.__name__.rpartition(".")[2] for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder for the files that are read")
    help_on_parts = f"of {', '.join(names)} (all)"
    parser.add_argument("parts", nargs="*", metavar="part", help=help_on_parts)
    parser.add_argument("--repeats", type=int, default=7, help="repetitions; the median counts")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=NUMBER", help="numbers of the projection"
    )
    args = parser.parse_args()
    if unknown := sorted(set(args.parts).difference(names)):
        parser.error(f"{', '.join(unknown)}: expected parts {help_on_parts}")
    if args.repeats < 1:
        parser.error(f"--repeats {args.repeats}: expected 1 or more")
    try:
        assumed = projection.Assumed.changed(args.set)
    except ValueError as error:
        parser.error(str(error))
    for name, part in zip(names, PARTS, strict=True):
        if args.parts and name not in args.parts:
            continue
        tables = (
            part.tables(assumed) if part is projection else part.measure(args.folder, args.repeats)
        )
        for table in tables:
            print(f"{table}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
