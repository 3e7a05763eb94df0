#!/usr/bin/env python3
"""Describes a data set: clips, labels, the long tail, and the classes that occur together.

    python tools/describe_data.py data/ak/annot --picture ak.png --json ak.json

Names and segments come from --classes, or from df_action.xlsx beside the lists. Without such a
sheet, the number of training clips gives the segments (--head-min, --tail-max).
"""

import argparse
import json
import sys
from pathlib import Path

from slowfast.ak.classes.table import ClassTable, count_classes, find_sheet
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.statistics.summary import Split, Statistics
from slowfast.ak.statistics.text import as_text
from slowfast.utils.command_line import tool_parser, write_text
from slowfast.utils.terminal import print_all, prints_errors


@prints_errors
def main(argv: list[str] | None = None) -> int:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("folder", type=Path, help="folder of train.csv and val.csv")
    add("--classes", default="", metavar="SHEET", help="names and segments (xlsx or csv)")
    words = "default: from the sheet, or the highest label + 1"
    add("--num-classes", type=int, metavar="N", help=words)
    add("--head-min", type=int, default=500, help="fewest training clips of a head class (500)")
    add("--tail-max", type=int, default=100, help="most training clips of a tail class (100)")
    add("--pairs", type=int, default=10, metavar="N", help="pairs of classes shown (10)")
    add("--picture", type=Path, metavar="FILE", help="also draw a picture (png, pdf or svg)")
    add("--json", type=Path, metavar="FILE", help="also write the figures, for programs")
    args = parser.parse_args(argv)
    check(args)
    data = read(args)
    print_all(as_text(data, args.pairs))
    status = 0
    for path, write in ((args.json, write_json), (args.picture, write_picture)):
        try:
            if path:
                write(path, data, args)
                print(f"\nWritten: {path}")
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            status = 2
    return status


def check(args: argparse.Namespace) -> None:
    if args.head_min <= args.tail_max:
        raise UserError(
            f"--head-min {args.head_min}: expected more than --tail-max, which is {args.tail_max}."
        )
    if args.num_classes is not None and args.num_classes < 1:
        raise UserError(f"--num-classes {args.num_classes}: expected 1 or more.")
    if args.pairs < 0:
        raise UserError(f"--pairs {args.pairs}: expected 0 or more.")


def read(args: argparse.Namespace) -> Statistics:
    """Reads the data set that the command line names."""
    form = ListForm(several=True)
    lists = [ClipList.read(args.folder / name, form=form) for name in ("train.csv", "val.csv")]
    sheet = find_sheet(args.classes, str(args.folder))
    highest = max(clips.highest_label for clips in lists)
    if highest < 0:
        raise UserError(f"{args.folder}: no clip has a label, so there is nothing to describe.")
    num_classes = args.num_classes
    if num_classes is None:
        num_classes = count_classes(sheet) if sheet else highest + 1
    for clips in lists:
        clips.check_labels(num_classes)
    train, test = (Split.of_list(clips, num_classes) for clips in lists)
    table = ClassTable.make(sheet, num_classes, train.class_counts, args.head_min, args.tail_max)
    return Statistics(train, test, table)


def write_json(path: Path, data: Statistics, args: argparse.Namespace) -> None:
    write_text(path, json.dumps(data.as_dict(args.pairs), indent=2, ensure_ascii=False) + "\n")


def write_picture(path: Path, data: Statistics, args: argparse.Namespace) -> None:
    from slowfast.ak.statistics.picture import draw  # the import of matplotlib takes a second

    draw(data, path, title=str(args.folder))


if __name__ == "__main__":
    sys.exit(main())
