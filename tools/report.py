#!/usr/bin/env python3
"""Makes the report page of a run, or of several runs to compare, from their folders.

    python tools/report.py output/i3d
    python tools/report.py output/i3d output/slowfast --out compared.html

It needs neither the data set nor a network connection. See
`slowfast/visualization/report/__init__.py`.
"""

import argparse
import sys
from pathlib import Path

from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors
from slowfast.visualization.report.page import write_page
from slowfast.visualization.report.runs import MOST, read_runs


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN_DIR", help=f"OUTPUT_DIR of a run; up to {MOST}")
    add(
        "--out",
        type=Path,
        metavar="PAGE",
        help="file to write (of one run: RUN_DIR/report/index.html; of several: comparison.html)",
    )
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    one = len(args.runs) == 1
    usual = Path(args.runs[0], "report", "index.html") if one else Path("comparison.html")
    page = write_page(read_runs(args.runs), args.out or usual)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
