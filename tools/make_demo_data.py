#!/usr/bin/env python3
"""Makes the demo data: an Animal-Kingdom-shaped set of a few hundred drawn clips.

    python tools/make_demo_data.py data/demo

The same options give the same set; a folder that is finished is left as it is, one that was left
half-way is completed. See `slowfast/data_tools/demo_data.py` for what it holds.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools import demo_data
from slowfast.utils.terminal import tells_errors


@tells_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder to make")
    parser.add_argument("--seed", type=int, default=0, help="of all that chance decides (0)")
    parser.add_argument("--clips", type=int, help="training and validation together (440)")
    parser.add_argument(
        "--size",
        default="standard",
        help="standard (about 112x84, 24 to 40 frames) or small (about 64x48, 12 to 20; 120 clips)",
    )
    args = parser.parse_args(argv)
    settings = demo_data.make_settings(args.seed, args.clips, args.size)
    made = demo_data.make_demo_data(args.folder, settings)
    print(f"{args.folder}: demo data {'made' if made else 'is there already, finished'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
