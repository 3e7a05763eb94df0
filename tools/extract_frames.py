#!/usr/bin/env python3
"""Writes the frames of a folder of videos as JPEG files, which AK.FRAMES image reads.

    python tools/extract_frames.py data/ak/video data/ak/image --short-side 340

`video/<clip>.mp4` becomes `image/<clip>/<clip>_000001.jpg` and so on, one file for each frame of
the video. If the tool is stopped, the same command continues the work. Videos that cannot be
decoded are listed at the end.

Exit status: 0 all frames are written, 1 some videos cannot be decoded, 2 the tool could not run,
130 it was stopped.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools.extract_frames import Extraction, extract_frames
from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("videos", type=Path, help="folder of videos, which may have subfolders")
    add("images", type=Path, help="folder for the frames")
    words = "shorter side of the frames; larger videos are scaled down"
    add("--short-side", type=int, default=0, metavar="PIXELS", help=words)
    add("--quality", type=int, default=Extraction.quality, help="JPEG quality, 1 to 100")
    words = "videos at a time; 0: one for each core"
    add("--workers", type=int, default=0, metavar="N", help=words)
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    settings = Extraction(args.short_side, args.quality)
    result = extract_frames(args.videos, args.images, settings, args.workers)
    for reason in result.failures:
        print(f"failed: {reason}", file=sys.stderr)
    print(
        f"{args.images}: {result.written} clips written ({result.frames} frames), "
        f"{result.present} existed already, {len(result.failures)} failed"
    )
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
