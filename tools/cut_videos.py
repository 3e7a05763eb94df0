#!/usr/bin/env python3
"""Cuts a folder of videos into an `ak` data set, by a table of segments.

    python tools/cut_videos.py videos/ segments.csv data/ak --short-side 256 --clip-seconds 2

The table has the columns video, start, end (seconds), split (train or val), labels (class names
separated by ;). If the tool is stopped, the same command continues the work. Details are in
`slowfast/data_tools/cut_table.py` and `slowfast/data_tools/cut_videos.py`.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools import ak_writer
from slowfast.data_tools.cut_videos import CutOptions, CutResult, cut_videos
from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors


def make_parser() -> argparse.ArgumentParser:
    defaults = CutOptions()
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("videos", type=Path, help="folder of videos")
    add("table", type=Path, help="CSV file of segments")
    add("folder", type=Path, help="folder to make: annot/, image/, video/")
    add("--clip-seconds", type=float, default=0, metavar="S", help="cut rows into clips of S s")
    side = "shorter side of the clips; 0: keep the size"
    add("--short-side", type=int, default=defaults.short_side, metavar="PIXELS", help=side)
    add("--fps", type=float, default=defaults.fps, help="frames per second; 0: as each video")
    add("--max-frames", type=int, default=defaults.max_frames, metavar="N", help="0: all frames")
    add("--crf", type=int, default=defaults.crf, help="mp4 quality, from 18 (fine) to 28 (rough)")
    add("--jpeg-quality", type=int, default=defaults.jpeg_quality, help="1 to 95")
    add("--head-min", type=int, default=500, help="fewest training clips of a head class (500)")
    add("--tail-max", type=int, default=100, help="most training clips of a tail class (100)")
    words = "order of the class ids: by name, or by first use"
    add("--order", choices=("name", "first"), default="name", help=words)
    return parser


def print_summary(folder: Path, result: CutResult) -> None:
    """Prints the clips of each class and split, and the lists."""
    in_val = ak_writer.count_labels(result.clips["val"], len(result.classes))
    width = max((len(entry.name) for entry in result.classes), default=5)
    print(f"{'class':{width}}  segment  train  val")
    for entry, held_out in zip(result.classes, in_val, strict=True):
        print(f"{entry.name:{width}}  {entry.segment:7}  {entry.count:5}  {held_out:3}")
    for split, clips in result.clips.items():
        frames = sum(clip.num_frames for clip in clips)
        print(f"{folder}/annot/{split}.csv: {len(clips)} clips, {frames} frames")


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    options = CutOptions(args.short_side, args.fps, args.max_frames, args.crf, args.jpeg_quality)
    result = cut_videos(
        args.videos,
        args.table,
        args.folder,
        options,
        clip_seconds=args.clip_seconds,
        head_min=args.head_min,
        tail_max=args.tail_max,
        order=args.order,
    )
    print_summary(args.folder, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
