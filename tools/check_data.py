#!/usr/bin/env python3
"""Checks a data set: every clip of the lists against the disk, and against AR_metadata.xlsx.

What a run would read, with the run's settings and overrides:
    python tools/check_data.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml
    python tools/check_data.py --cfg configs/AK/X3D_L.yaml DATA.PATH_PREFIX /fast/ak/image

Folders alone; image/ and video/ are looked for beside the folder of the lists:
    python tools/check_data.py --lists data/ak/annot
    python tools/check_data.py --lists annot --videos /store/ak/video --frames video

As quickly as can be, before a long night; as thoroughly as can be, after a copy:
    python tools/check_data.py --lists data/ak/annot --level names
    python tools/check_data.py --lists data/ak/annot --frames both --level decode --json found.json

It finds files that are missing, empty, unreadable or cut off, other numbers of frames than listed,
labels out of range, clips in both lists, and, with AR_metadata.xlsx (beside the lists, or --sheet),
other splits and labels than the sheet's. Ctrl-C ends it with a summary of what was looked at.

Exit status: 0 sound, 1 faults were found, 2 it could not run, 130 it was stopped.
"""

import argparse
import sys
from argparse import Namespace
from pathlib import Path

from slowfast.ak.checks.clips import LEVELS
from slowfast.ak.errors import UserError
from slowfast.ak.paths import is_folder
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.utils.terminal import print_all, tells_errors


def make_parser() -> argparse.ArgumentParser:
    levels = "; ".join(f"{name}: {words}" for name, words in LEVELS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--cfg", metavar="FILE.yaml", help="check what a run of this configuration would read")
    add("--lists", type=Path, metavar="DIR", help="folder of train.csv and val.csv")
    add("--images", metavar="DIR", help="folder of the extracted frames")
    add("--videos", metavar="DIR", help="folder of the videos")
    add("--frames", choices=("auto", "image", "video", "both"), help="which (what AK.FRAMES says)")
    add("--num-classes", type=int, metavar="N", help="labels are below it (the sheet of classes)")
    add("--sheet", type=Path, metavar="FILE", help="AR_metadata.xlsx, or a csv of clips")
    add(
        "--level",
        choices=tuple(LEVELS),
        default="files",
        help=f"what is looked at. {levels} (files)",
    )
    add("--json", type=Path, metavar="FILE", help="write all that is found, for programs")
    add("--show", type=int, default=5, metavar="N", help="clips shown of each kind (5)")
    add("--opts", nargs="*", action="extend", default=[], metavar="KEY VALUE", help="overrides")
    add("overrides", nargs="*", metavar="KEY VALUE", help="overrides of the configuration")
    return parser


@tells_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_intermixed_args(argv)
    report = check_data(find_places(args), args.level)
    print_all(report.as_text(max(0, args.show)))
    if args.json:
        try:
            args.json.write_text(report.as_json(), encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UserError(f"{args.json}: cannot be written ({error.strerror}).") from None
        print(f"\nWritten: {args.json}")
    return 130 if not report.complete else int(bool(report.faults))


def find_places(args: Namespace) -> DataPlaces:
    """Where the data set lies: what the command line names, else what the configuration does."""
    for option, folder in (("--images", args.images), ("--videos", args.videos)):
        if folder is not None and not is_folder(folder):
            raise UserError(f"{option} {folder}: there is no such folder.")
    if args.num_classes is not None and args.num_classes < 1:
        raise UserError(f"--num-classes {args.num_classes}: expected 1 or more.")
    if args.json and not args.json.parent.is_dir():
        raise UserError(
            f"--json {args.json}: there is no folder {args.json.parent} to write it to."
        )
    opts = args.opts + args.overrides
    given = {
        "images": args.images,
        "videos": args.videos,
        "frames": args.frames,
        "num_classes": args.num_classes,
        "sheet": args.sheet,
    }
    if args.cfg is None:
        if args.lists is None:
            raise UserError(
                "nothing to check: name a configuration by --cfg, such as "
                "configs/AK/SLOWFAST_8x8_R50.yaml, or the folder of train.csv by --lists."
            )
        if opts:
            raise UserError(f"{' '.join(opts)}: overrides need a configuration; name it by --cfg.")
        return DataPlaces.beside(args.lists, **given)
    from slowfast.utils.parser import load_config

    cfg = load_config(Namespace(cfg_files=[args.cfg], opts=opts))
    return DataPlaces.from_cfg(cfg, lists=args.lists, **given)


if __name__ == "__main__":
    sys.exit(main())
