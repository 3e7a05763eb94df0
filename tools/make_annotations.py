#!/usr/bin/env python3
"""Makes train.csv and val.csv from a sheet of clips and the videos or frames on the disk.

From the videos of Animal Kingdom and AR_metadata.xlsx:
    python tools/make_annotations.py AR_metadata.xlsx --videos data/ak/video --out data/ak/annot
From its extracted frames (<clip>/<clip>_000001.jpg ...):
    python tools/make_annotations.py AR_metadata.xlsx --images data/ak/image --out data/ak/annot
From your own data and a csv with the columns clip, split (train, val or test), labels (class ids):
    clip,split,labels
    zebra_0017,train,"2,40"
    zebra_0018,test,78
    python tools/make_annotations.py zebras.csv --videos zebras/video --out zebras/annot
Lists with one line for each clip, whose frames are counted when they are read:
    python tools/make_annotations.py AR_metadata.xlsx --videos data/ak/video --out annot --light

The test clips are listed in val.csv. Clips without a readable file are left out and named; with
--strict this is an error. Existing lists are an error too, unless you give --force. Afterwards run:
    python tools/check_data.py --lists data/ak/annot

Exit status: 0 the lists are written, 2 they are not, 130 the tool was stopped.
"""

import argparse
import sys
from pathlib import Path

from slowfast.ak.checks.clips import first_few
from slowfast.data_tools.annotations import Annotations, make_annotations
from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import print_all, prints_errors


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("sheet", type=Path, metavar="SHEET", help="AR_metadata.xlsx, or a csv")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--videos", type=Path, metavar="DIR", help="folder of <clip>.mp4")
    where.add_argument("--images", type=Path, metavar="DIR", help="folder of <clip>/*.jpg")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the lists")
    add("--light", action="store_true", help="one line for each clip: video_id;labels")
    add("--strict", action="store_true", help="fail if a clip has no readable file")
    add("--force", action="store_true", help="overwrite existing lists")
    add("--show", type=int, default=5, metavar="N", help="most clips to name (5)")
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    made = make_annotations(
        args.sheet,
        args.videos or args.images,
        args.out,
        videos=args.videos is not None,
        light=args.light,
        strict=args.strict,
        force=args.force,
    )
    print_all("\n".join(summary(made, max(0, args.show))))
    return 0


def summary(made: Annotations, shown: int) -> list[str]:
    """Returns lines of text that say what was made, with at most `shown` clips of each kind."""
    lines = []
    for path, clips in made.lists.items():
        frames = sum(clip.num_frames for clip in clips)
        lines.append(f"{path}: {len(clips)} clips" + (f", {frames} frames" if frames else ""))
    if len(made.lists) == 1:
        lines.append("The other list would have no clip, so it is not written.")
    lines += [f"{path}: written beside the lists" for path in made.beside]
    if made.left_out:
        clips = [f"{name} ({reason})" for name, reason in made.left_out.items()]
        lines.append(f"Clips of the sheet left out ({len(clips)}): {first_few(clips, shown)}")
    if made.not_in_sheet:
        files = first_few(made.not_in_sheet, shown)
        lines.append(f"Files without a clip in the sheet ({len(made.not_in_sheet)}): {files}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
