"""Writes the features before the classifier of a network, for videos or for the clips of lists.

  python tools/extract_features.py --checkpoint best.pyth films/ --out features/
  python tools/extract_features.py --checkpoint best.pyth --split all --out features/
  python tools/extract_features.py --checkpoint x3d_m.pyth --cfg mine.yaml --split train --out f/

Videos are files, folders, patterns, text lists and folders of images, as for tools/predict.py; each
window of PREDICT.STRIDE gives a row of features/videos.npy. --split takes the clips of the data set
of the configuration; each clip gives one row, or --windows of them. features/probe.yaml then trains
a classifier on the features:

  python tools/run_net.py --cfg features/probe.yaml

A row has the mean over the positions of the feature maps, or with --tokens all positions. The size
is printed first. A run that is stopped goes on with the same command. KEY VALUE sets keys of the
configuration. docs/PREDICTION.md explains the files.

Exit status: 0; 1 if a video or clip could not be read (the others are done); 2 for an error to
correct; 130 if interrupted.
"""

import argparse
import sys
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.utils.command_line import OverridesParser


def make_parser() -> argparse.ArgumentParser:
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("opts", nargs="*", metavar="VIDEO", help="files, folders, patterns, lists, image folders")
    add("--checkpoint", required=True, metavar="FILE", help="weights of a trained network")
    add("--out", required=True, type=Path, metavar="FOLDER", help="folder of the features")
    add("--cfg", metavar="FILE.yaml", help="configuration, in place of the one in the checkpoint")
    parser.add_configuration_options()
    add("--split", metavar="LIST", help="clips of a data set: train,val,test, or all")
    add("--windows", type=int, default=1, help="of each clip of a data set (%(default)s)")
    add("--tokens", action="store_true", help="keep each position, not the mean")
    add("--dtype", choices=("float16", "float32"), default="float16", help="(%(default)s)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Extracts features as the command line says, and returns the exit status."""
    from slowfast.prediction.features.clips import SPLITS, extract_clips, splits_of
    from slowfast.prediction.features.vectors import Wanted
    from slowfast.prediction.features.videos import extract_videos
    from slowfast.prediction.model import open_model
    from slowfast.utils import logging
    from slowfast.utils.overrides import split_at_first_key
    from slowfast.utils.processes.torchrun import print_once

    logging.setup_logging()
    videos, overrides = split_at_first_key(args.bare)
    overrides += args.after_opts
    if bool(videos) == bool(args.split):
        found = "videos and --split are given" if videos else "neither is given"
        raise UserError(f"Name videos, or --split all for the clips of the data set; {found}.")
    if args.windows < 1 or (videos and args.windows > 1):
        raise UserError(
            f"--windows {args.windows}: expected at least 1, with --split. PREDICT.STRIDE says "
            "how many windows a video has."
        )
    ignore = args.ignore_unknown_keys
    model = open_model(args.checkpoint, args.cfg, overrides, args.out, ignore)
    wanted = Wanted(args.tokens, args.dtype, args.windows)
    if videos:
        status = extract_videos(model, videos, args.out, wanted)
    else:
        named = args.split.split(",") if args.split != "all" else splits_of(model.cfg)
        if wrong := [name for name in named if name not in SPLITS]:
            raise UserError(
                f"--split: found {wrong[0]!r}; expected train, val or test, with commas "
                "between them, or all."
            )
        status = extract_clips(model, named, args.out, wanted)
    print_once(f"{args.out} has the features.")
    return status


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    args = make_parser().parse(argv)
    from slowfast.entries import register_entries
    from slowfast.utils.processes import launch, torchrun

    register_entries()
    return torchrun.as_worker(launch.exit_status)(run, args)


if __name__ == "__main__":
    sys.exit(main())
