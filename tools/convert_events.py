#!/usr/bin/env python3
"""Converts events of videos from the format of one program to that of another.

    python tools/convert_events.py labels.boris labels.eaf
    python tools/convert_events.py predictions/ predicted.boris --videos films/
    python tools/convert_events.py fox_labels.csv events.tsv --to tabular --frame-rate 25
    python tools/convert_events.py labels.boris frames/ --to deepethogram --videos films/

The format of IN is recognised by its content, that of OUT by the end of its name; --from and --to
name them. The formats are

  boris          a project of BORIS: .boris, .boris.gz
  aggregated     aggregated events of BORIS: a row for each bout (.tsv, .csv)
  tabular        tabular events of BORIS, which SimBA reads: a row for each START and STOP
  eaf            ELAN, a file for each video
  deepethogram   a table of frames for each video: <video>_labels.csv
  feral          the labels JSON of FERAL
  segments       video, start, end, split, labels: what tools/cut_videos.py cuts
  bouts          video, subject, class, start_s, stop_s, ...: bouts.csv of tools/predict.py

Formats with a file for each video need a folder as OUT if there are several videos. Tables of
frames have no times, and times have no frames: --videos FOLDER takes both from the videos, and
--frame-rate R converts them without. What OUT cannot hold is named, with its number. Exit status:
0, or 2 for an error to correct.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.event_options import (
    add_choice_options,
    add_reading_options,
    reading_options,
)
from slowfast.data_tools.events import FORMATS, ReadOptions, read_events
from slowfast.data_tools.exchange import WRITERS
from slowfast.data_tools.exchange.convert import Converted, ConvertOptions, convert
from slowfast.utils.command_line import tool_parser
from slowfast.utils.plural import count
from slowfast.utils.terminal import print_all, prints_errors

BOUTS = "bouts.csv"


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("source", type=Path, metavar="IN", help="a file, or a folder of files, or a prediction")
    add("out", type=Path, metavar="OUT", help="the file, or the folder, to write")
    add("--to", default="", metavar="NAME", help=f"format of OUT: {', '.join(sorted(WRITERS))}")
    add("--videos", type=Path, metavar="FOLDER", help="the videos: lengths, rates, times of frames")
    add("--overwrite", action="store_true", help="replace what is there")
    group = parser.add_argument_group("which events are written")
    add_choice_options(group)
    words = "point events last S seconds (they stay points, or become one frame)"
    group.add_argument("--point-length", type=float, metavar="S", help=words)
    words = "leave out rows with mistakes, and list them, instead of stopping"
    group.add_argument("--skip-mistakes", action="store_true", help=words)
    add_reading_options(parser.add_argument_group("how IN is read"), format_option="--from")
    return parser


def reading(args: argparse.Namespace) -> ReadOptions:
    """Returns how IN is read. `--from` has the names of `--to`, and those of the readers.

    Raises:
        UserError: there is no such format.
    """
    options = reading_options(args)
    name = args.format
    if name in WRITERS:
        name = WRITERS[name].reads_as
    if name and name not in FORMATS:
        known = {*WRITERS, *FORMATS}
        hint = suggestion(name, known)
        raise UserError(
            f"--from {name}: expected one of {', '.join(sorted(known))}"
            + (f"; {hint}" if hint else "")
        )
    return replace(options, format=name)


def describe(found: Converted) -> list[str]:
    """Returns the lines of the output: what was written, notes, and what was not kept."""
    videos = count(len({film.name for film in found.films}), "video")
    events = count(found.events, "event")
    where = found.files[0] if len(found.files) == 1 else found.files[0].parent
    files = "" if len(found.files) == 1 else f" in {len(found.files)} files"
    return [*found.lines, f"{where}: {found.writer.title}, {events} of {videos}{files}"]


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    source = args.source
    if (source / BOUTS).is_file():
        source = source / BOUTS  # the folder of a prediction has other tables too
    if args.videos is not None and not args.videos.is_dir():
        raise UserError(f"--videos {args.videos}: no such folder; expected the folder of videos")
    if args.point_length is not None and not 0 < args.point_length < float("inf"):
        raise UserError(f"--point-length {args.point_length:g}: expected seconds, more than 0")
    if source.resolve() == args.out.resolve():
        raise UserError(f"{args.out}: is the file to read; name another one to write")
    options = ConvertOptions(
        to=args.to,
        videos=args.videos,
        frame_rate=args.frame_rate if isinstance(args.frame_rate, float) else None,
        subjects=tuple(args.subject),
        observations=tuple(args.observation),
        modifiers=args.modifiers,
        point_length=args.point_length,
        skip_mistakes=args.skip_mistakes,
        overwrite=args.overwrite,
    )
    table = read_events(source, reading(args))
    print_all("\n".join(describe(convert(table, args.out, options))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
