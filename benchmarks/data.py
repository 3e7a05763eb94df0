"""Measures the cost of the data path, as a table of ratios to the time of decoding.

    python benchmarks/data.py /tmp/benchmark            # writes its own files, and keeps them
    python benchmarks/data.py /tmp/benchmark images     # one part only

It uses one core and one thread. Files are read once before the measurement, so the speed of the
disk does not count.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this project

from benchmarks.data_parts import frame_list, images, loader, videos

# In the order of the table.
PARTS = (frame_list, images, videos, loader)


def main() -> int:
    """Measures the chosen parts and prints the table."""
    names = [part.__name__.rpartition(".")[2] for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder for the files that are read")
    help_on_parts = f"of {', '.join(names)} (all)"
    parser.add_argument("parts", nargs="*", metavar="part", help=help_on_parts)
    parser.add_argument("--repeats", type=int, default=7, help="repetitions; the median counts")
    args = parser.parse_args()
    if unknown := sorted(set(args.parts).difference(names)):
        parser.error(f"{', '.join(unknown)}: expected parts {help_on_parts}")
    if args.repeats < 1:
        parser.error(f"--repeats {args.repeats}: expected 1 or more")
    print(f"{'':58}{'measured':>10}  {'at most':>8}")
    for name, part in zip(names, PARTS, strict=True):
        if args.parts and name not in args.parts:
            continue
        for row in part.measure(args.folder, args.repeats):
            value = f"{row.value:.2f} {row.unit}"
            target = "" if row.target is None else f"{row.target:g} {row.unit}"
            print(f"{row.what:58}{value:>10}  {target:>8}  {row.against}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
