#!/usr/bin/env python3
"""Makes train.csv and val.csv from a sheet of clips and the videos or frames on the disk.

Animal Kingdom, of which you have the videos and AR_metadata.xlsx:
    python tools/make_annotations.py AR_metadata.xlsx --videos data/ak/video --out data/ak/annot
The same from extracted frames (<clip>/<clip>_000001.jpg ...):
    python tools/make_annotations.py AR_metadata.xlsx --images data/ak/image --out data/ak/annot
Data of your own, by a csv of the columns clip, split (train, val or test) and labels (class ids):
    clip,split,labels
    zebra_0017,train,"2,40"
    zebra_0018,test,78
    python tools/make_annotations.py zebras.csv --videos zebras/video --out zebras/annot
Lists of one line a clip, whose frames are counted when they are read:
    python tools/make_annotations.py AR_metadata.xlsx --videos data/ak/video --out annot --light

The test clips become val.csv. Clips without a file, or whose video cannot be read, are left out and
named (--strict refuses instead). Lists that are there stay (--force writes over them). Then:
    python tools/check_data.py --lists data/ak/annot

Exit status: 0 the lists are written, 2 they are not, 130 it was stopped.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools.annotations import Annotations, make_annotations, name_some
from slowfast.utils.terminal import print_all, tells_errors


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("sheet", type=Path, metavar="SHEET", help="AR_metadata.xlsx, or a csv")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--videos", type=Path, metavar="DIR", help="folder of <clip>.mp4")
    where.add_argument("--images", type=Path, metavar="DIR", help="folder of <clip>/*.jpg")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the lists")
    add("--light", action="store_true", help="one line a clip: video_id;labels")
    add("--strict", action="store_true", help="refuse where a clip has no file")
    add("--force", action="store_true", help="write over lists that are there")
    add("--show", type=int, default=5, metavar="N", help="clips named of each kind (5)")
    return parser


@tells_errors
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
    print_all("\n".join(in_words(made, max(0, args.show))))
    return 0


def in_words(made: Annotations, shown: int) -> list[str]:
    lines = []
    for path, clips in made.lists.items():
        frames = sum(clip.num_frames for clip in clips)
        lines.append(f"{path}: {len(clips)} clips" + (f", {frames} frames" if frames else ""))
    if len(made.lists) == 1:
        lines.append("The other list has no clip, and is not written.")
    lines += [f"{path}: put beside them" for path in made.beside]
    if made.left_out:
        whys = [f"{name} ({why})" for name, why in made.left_out.items()]
        lines.append(f"Left out, of the clips of the sheet: {len(whys)}: {name_some(whys, shown)}")
    if made.not_in_sheet:
        count = len(made.not_in_sheet)
        lines.append(
            f"Files of no clip of the sheet: {count}: {name_some(made.not_in_sheet, shown)}"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
