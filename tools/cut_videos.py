#!/usr/bin/env python3
"""Cuts a folder of videos into an `ak` data set, by a table of what is seen when.

    python tools/cut_videos.py videos/ segments.csv data/ak --short-side 256 --clip-seconds 2

The table has the columns video, start, end (seconds), split (train or val), labels (class names
parted by ;). Stopped half-way, the same command takes the work up again. See
`slowfast/data_tools/cut_videos.py`.
"""

import argparse
import sys
from pathlib import Path

from slowfast.data_tools import ak_writer
from slowfast.data_tools.cut_videos import CutOptions, CutResult, cut_videos
from slowfast.utils.terminal import tells_errors


def make_parser() -> argparse.ArgumentParser:
    defaults = CutOptions()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("videos", type=Path, help="folder of videos")
    add("table", type=Path, help="CSV file of segments")
    add("folder", type=Path, help="folder to make: annot/, image/, video/")
    add("--clip-seconds", type=float, default=0, metavar="S", help="cut rows into clips of S s")
    add("--short-side", type=int, default=defaults.short_side, metavar="PIXELS", help="0: as it is")
    add("--fps", type=float, default=defaults.fps, help="frames a second; 0: each video's own")
    add("--max-frames", type=int, default=defaults.max_frames, metavar="N", help="0: all")
    add("--crf", type=int, default=defaults.crf, help="mp4 quality, 18 fine to 28 rough")
    add("--jpeg-quality", type=int, default=defaults.jpeg_quality, help="1 to 95")
    add("--head-min", type=int, default=500, help="training clips from which a class is head")
    add("--tail-max", type=int, default=100, help="training clips up to which a class is tail")
    add("--order", choices=("name", "first"), default="name", help="of the class ids")
    return parser


def print_summary(folder: Path, result: CutResult) -> None:
    """Clips of each class and split, and where they are."""
    in_val = ak_writer.count_labels(result.clips["val"], len(result.classes))
    width = max((len(entry.name) for entry in result.classes), default=5)
    print(f"{'class':{width}}  segment  train  val")
    for entry, held_out in zip(result.classes, in_val, strict=True):
        print(f"{entry.name:{width}}  {entry.segment:7}  {entry.count:5}  {held_out:3}")
    for split, clips in result.clips.items():
        frames = sum(clip.num_frames for clip in clips)
        print(f"{folder}/annot/{split}.csv: {len(clips)} clips, {frames} frames")


@tells_errors
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
