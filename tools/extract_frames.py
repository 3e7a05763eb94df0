#!/usr/bin/env python3
"""Writes the frames of a folder of videos as JPEG files, as AK.FRAMES image reads them.

    python tools/extract_frames.py data/ak/video data/ak/image --short-side 340

`video/<clip>.mp4` becomes `image/<clip>/<clip>_000001.jpg` and so on, one file a frame of the
video, whatever its frame rate. A clip's folder appears once it is whole: stopped half-way, the same
command takes the work up again. Videos that cannot be decoded are named at the end.

Exit status: 0 all is there, 1 videos cannot be decoded, 2 it could not run, 130 it was stopped.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools.extract_frames import Extraction, extract_frames
from slowfast.utils.terminal import tells_errors


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("videos", type=Path, help="folder of videos, folders in it included")
    add("images", type=Path, help="folder to write the frames to")
    add(
        "--short-side", type=int, default=0, metavar="PIXELS", help="scale larger videos down to it"
    )
    add("--quality", type=int, default=Extraction.quality, help="of the JPEG files, 1 to 100")
    add("--workers", type=int, default=0, metavar="N", help="videos at once; 0: one for each core")
    return parser


@tells_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    settings = Extraction(args.short_side, args.quality)
    result = extract_frames(args.videos, args.images, settings, args.workers)
    for words in result.failures:
        print(f"failed: {words}", file=sys.stderr)
    print(
        f"{args.images}: {result.written} clips written ({result.frames} frames), "
        f"{result.present} were there, {len(result.failures)} failed"
    )
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
