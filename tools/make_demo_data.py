#!/usr/bin/env python3
"""Makes the demo data: a set of a few hundred drawn clips in the layout of Animal Kingdom, and a
drawn film of two minutes with a table of what is seen when.

    python tools/make_demo_data.py data/demo

The same options give the same set. A complete set is not changed, and a set that was begun is
completed. `slowfast/data_tools/demo_data.py` and `demo_film.py` describe its content.
"""

import sys
from pathlib import Path

from slowfast.data_tools import demo_data
from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors


@prints_errors
def main(argv: list[str] | None = None) -> int:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("folder", metavar="DIR", type=Path, help="folder to make")
    add("--seed", type=int, default=0, help="seed of everything random (0)")
    add("--clips", type=int, help="training and validation clips together (440; small: 120)")
    words = "standard (about 112x84, 24 to 40 frames) or small (64x48, 12 to 20; film of 30 s)"
    add("--size", default="standard", help=words)
    args = parser.parse_args(argv)
    settings = demo_data.make_settings(args.seed, args.clips, args.size)
    made = demo_data.make_demo_data(args.folder, settings)
    print(f"{args.folder}: the demo data {'are made' if made else 'exist already, complete'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
