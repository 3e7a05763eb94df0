#!/usr/bin/env python3
"""Checks a data set: every clip of the lists against the disk, and against AR_metadata.xlsx.

Check what a run would read, with the settings and overrides of the run:
    python tools/check_data.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml
    python tools/check_data.py --cfg configs/AK/X3D_L.yaml DATA.PATH_PREFIX /fast/ak/image

Check folders, without a configuration; image/ and video/ are beside the folder of the lists:
    python tools/check_data.py --lists data/ak/annot
    python tools/check_data.py --lists annot --videos /store/ak/video --frames video

Check quickly before a long run, or thoroughly after a copy:
    python tools/check_data.py --lists data/ak/annot --level names
    python tools/check_data.py --lists data/ak/annot --frames both --level decode --json found.json

The check finds files that are missing, empty, unreadable or cut off, numbers of frames that differ
from the list, labels out of range, and clips in both lists. With AR_metadata.xlsx (beside the
lists, or --sheet) it also finds splits and labels that differ from the sheet. After Ctrl-C it
prints what it has found so far.

Exit status: 0 no fault, 1 faults were found, 2 the check could not run, 130 it was stopped.
"""

import sys
from argparse import Namespace
from pathlib import Path

import slowfast.datasets  # noqa: F401  registers all data sets, which the check asks for facts
from slowfast.ak.checks.clips import LEVELS
from slowfast.ak.errors import UserError
from slowfast.ak.paths import is_folder
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.entries import register_entries
from slowfast.utils.command_line import OverridesParser, write_text
from slowfast.utils.terminal import print_all, prints_errors


def make_parser() -> OverridesParser:
    levels = "; ".join(f"{name}: {words}" for name, words in LEVELS.items())
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("--cfg", metavar="FILE.yaml", help="check what a run of this configuration would read")
    add("--lists", type=Path, metavar="DIR", help="folder of train.csv and val.csv")
    add("--images", metavar="DIR", help="folder of the extracted frames")
    add("--videos", metavar="DIR", help="folder of the videos")
    kinds = ("auto", "image", "video", "both")
    add("--frames", choices=kinds, help="files to check (default: as AK.FRAMES)")
    add("--num-classes", type=int, metavar="N", help="labels are below it (default: class sheet)")
    add("--sheet", type=Path, metavar="FILE", help="AR_metadata.xlsx, or a csv of clips")
    words = f"what is checked. {levels} (default: files)"
    add("--level", choices=tuple(LEVELS), default="files", help=words)
    add("--json", type=Path, metavar="FILE", help="write all findings, for programs")
    add("--show", type=int, default=5, metavar="N", help="clips shown of each kind (default: 5)")
    parser.add_configuration_options()
    add("opts", nargs="*", metavar="KEY VALUE", help="overrides of the configuration")
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse(argv)
    report = check_data(find_places(args), args.level)
    print_all(report.as_text(max(0, args.show)))
    if args.json:
        write_text(args.json, report.as_json())
        print(f"\nWritten: {args.json}")
    return 130 if not report.complete else int(bool(report.faults))


def find_places(args: Namespace) -> DataPlaces:
    """Returns the places of the data set: from the command line, else from the configuration."""
    for option, folder in (("--images", args.images), ("--videos", args.videos)):
        if folder is not None and not is_folder(folder):
            raise UserError(f"{option} {folder}: there is no such folder.")
    if args.num_classes is not None and args.num_classes < 1:
        raise UserError(f"--num-classes {args.num_classes}: expected 1 or more.")
    if args.json and not args.json.parent.is_dir():
        raise UserError(
            f"--json {args.json}: there is no folder {args.json.parent}; make it, or name another."
        )
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
                "there is nothing to check: name a configuration with --cfg, such as "
                "configs/AK/SLOWFAST_8x8_R50.yaml, or the folder of train.csv with --lists."
            )
        if args.opts:
            raise UserError(
                f"{' '.join(args.opts)}: overrides need a configuration; name it with --cfg."
            )
        return DataPlaces.beside(args.lists, **given)
    from slowfast.utils.parser import load_config

    register_entries()  # a configuration may have keys of networks
    cfg = load_config(args, args.cfg)
    return DataPlaces.from_cfg(cfg, lists=args.lists, **given)


if __name__ == "__main__":
    sys.exit(main())
