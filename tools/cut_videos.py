#!/usr/bin/env python3
"""Cuts a folder of videos into a data set, by a table of what happens when.

    python tools/cut_videos.py videos/ segments.csv data/mine --short-side 256 --clip-seconds 2
    python tools/run_net.py --cfg data/mine/train.yaml

The table can be a CSV file or a workbook with columns such as video, start, end, labels and split;
a project or an exported table of BORIS; a file of ELAN; labels of DeepEthogram or FERAL; or a
folder of such files. docs/OWN_VIDEOS.md describes them. If the tool is stopped, the same command
continues the work. `--dry-run` reads and checks everything, and writes nothing.
"""

import argparse
import shlex
import sys
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer
from slowfast.data_tools.cut_table import SegmentOptions
from slowfast.data_tools.cut_videos import CutOptions, CutResult, cut_videos
from slowfast.data_tools.event_options import (
    add_choice_options,
    add_reading_options,
    reading_options,
)
from slowfast.data_tools.segments.train_config import write_train_config
from slowfast.utils.command_line import tool_parser
from slowfast.utils.plural import count
from slowfast.utils.terminal import prints_errors

RECIPE = Path(__file__).resolve().parents[1] / "configs" / "AK" / "SLOWFAST_8x8_R50.yaml"


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("videos", type=Path, help="folder of videos")
    add("table", type=Path, help="table of events, or a folder of tables")
    add("folder", type=Path, help="folder to make: annot/, image/, video/, train.yaml")
    words = "bouts that were corrected on predictions, for training: files, or the prediction"
    add("--corrections", type=Path, metavar="PATH", help=words)
    add("--dry-run", action="store_true", help="check everything and write nothing")
    _add_clips(parser.add_argument_group("clips"))
    add_reading_options(parser.add_argument_group("how the table is read"))
    _add_events(parser.add_argument_group("what is made of the events"))
    _add_classes(parser.add_argument_group("classes and training"))
    return parser


def _add_clips(group) -> None:
    defaults = CutOptions()
    add = group.add_argument
    add("--clip-seconds", type=float, default=0, metavar="S", help="cut segments into clips of S s")
    side = "shorter side of the clips; 0: keep the size"
    add("--short-side", type=int, default=defaults.short_side, metavar="PIXELS", help=side)
    add("--fps", type=float, default=defaults.fps, help="frames per second; 0: as each video")
    add("--max-frames", type=int, default=defaults.max_frames, metavar="N", help="0: all frames")
    add("--crf", type=int, default=defaults.crf, help="mp4 quality, from 18 (fine) to 28 (rough)")
    add("--jpeg-quality", type=int, default=defaults.jpeg_quality, help="1 to 95")


def _add_events(group) -> None:
    add_choice_options(group)
    add = group.add_argument
    words = "cut the time without events too, as this class"
    add("--background", default="", metavar="NAME", help=words)
    words = "cut S seconds from a point event on; 0: leave point events out"
    add("--point-length", type=float, metavar="S", help=words)
    words = "events: divide rows that overlap; clips: each row is a clip"
    add("--rows", choices=("auto", "events", "clips"), default="auto", help=words)
    add("--min-seconds", type=float, default=0, metavar="S", help="leave out shorter stretches")
    words = "share of the time that is held out if the table has no splits (0.2)"
    add("--val-share", type=float, default=SegmentOptions.val_share, metavar="SHARE", help=words)
    words = "leave out rows with mistakes, and list them, instead of stopping"
    add("--skip-mistakes", action="store_true", help=words)


def _add_classes(group) -> None:
    add = group.add_argument
    words = "fewest training clips of a head class (500)"
    add("--head-min", type=int, default=500, metavar="N", help=words)
    words = "most training clips of a tail class (100)"
    add("--tail-max", type=int, default=100, metavar="N", help=words)
    words = "order of the class ids: by name, or by first use"
    add("--order", choices=("name", "first"), default="name", help=words)
    words = f"configuration that train.yaml is based on (configs/AK/{RECIPE.name})"
    add("--recipe", type=Path, default=RECIPE, metavar="FILE", help=words)


def print_summary(folder: Path, result: CutResult, cut: bool) -> None:
    """Prints the clips of each class and split, and the lists; with frames if they were `cut`."""
    counts = {
        split: ak_writer.count_labels(clips, len(result.classes))
        for split, clips in result.clips.items()
    }
    width = max((len(entry.name) for entry in result.classes), default=5)
    heads = "  ".join(f"{split:>5}" for split in counts)
    print(f"{'class':{width}}  segment  {heads}")
    for index, entry in enumerate(result.classes):
        numbers = "  ".join(f"{counts[split][index]:5}" for split in counts)
        print(f"{entry.name:{width}}  {entry.segment:7}  {numbers}")
    for split, clips in result.clips.items():
        frames = f", {count(sum(clip.num_frames for clip in clips), 'frame')}" if cut else ""
        print(f"{folder}/annot/{split}.csv: {count(len(clips), 'clip')}{frames}")


def print_doubts(result: CutResult) -> None:
    """Prints what will make a training poor or impossible."""
    in_val = ak_writer.count_labels(result.clips["val"], len(result.classes))
    for words, names in (
        ("without a training clip", [c.name for c in result.classes if not c.count]),
        ("without a validation clip", [
            entry.name
            for entry, number in zip(result.classes, in_val, strict=True)
            if not number and result.clips["val"]
        ]),
    ):  # fmt: skip
        if names:
            print(f"note: classes {words}: {', '.join(names)}")
    for split in ("train", "val"):
        if not result.clips[split]:
            print(f"note: {split}.csv is empty, and training needs it; label more, or give splits")


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    if not args.recipe.is_file():
        raise UserError(f"--recipe {args.recipe}: no such file; expected a YAML file of configs/")
    segments = SegmentOptions(
        subjects=tuple(args.subject),
        observations=tuple(args.observation),
        modifiers=args.modifiers,
        background=args.background,
        point_length=args.point_length,
        rows=args.rows,
        min_seconds=args.min_seconds,
        val_share=args.val_share,
        skip_mistakes=args.skip_mistakes,
    )
    result = cut_videos(
        args.videos,
        args.table,
        args.folder,
        CutOptions(args.short_side, args.fps, args.max_frames, args.crf, args.jpeg_quality),
        clip_seconds=args.clip_seconds,
        head_min=args.head_min,
        tail_max=args.tail_max,
        order=args.order,
        reading=reading_options(args),
        segments=segments,
        corrections=args.corrections,
        report=lambda note: print(f"note: {note}", flush=True),
        write=not args.dry_run,
    )
    print_summary(args.folder, result, cut=not args.dry_run)
    print_doubts(result)
    if args.dry_run:
        print("dry run: nothing was written")
        return 0
    path = write_train_config(
        args.folder,
        args.recipe,
        num_classes=len(result.classes),
        one_label=result.one_label,
        train_clips=len(result.clips["train"]),
        has_test="test" in result.clips,
    )
    if result.clips["train"] and result.clips["val"]:
        print(f"to train:  python tools/run_net.py --cfg {shlex.quote(str(path))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
