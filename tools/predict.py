"""Predicts on new videos: python tools/predict.py --checkpoint best.pyth videos/ --out predictions/

The checkpoint has the configuration of its network and the names of its classes. Videos are files,
folders, patterns ("day*/*.mp4"), text files with a path in each line, and folders of numbered
images. The folder of --out gets, for each video and for all together,

  windows.csv    a row for each window: video, start_s, end_s, a score for each class
  bouts.csv      a row for each bout: video, subject, class, start_s, stop_s, frames, scores
  budget.csv     a row for each video and class: seconds, share, number and length of its bouts
  summary.json   the checkpoint, the configuration, thresholds, versions, times, problems
  frames.csv     with --frames: a row for each frame, with a score for each class
  index.html     the videos, each with a page that shows its bouts and lets a person correct them
  ethogram.png   the bouts of all videos as a picture

--export boris also writes predicted.boris, a project that BORIS opens with its videos; other names
of docs/EXCHANGE.md write the bouts for ELAN, SimBA, DeepEthogram and FERAL.

A run that is stopped goes on with the same command. Videos that have scores are skipped. KEY VALUE
sets keys of the configuration; `--keys PREDICT` explains those of prediction. For example,

  python tools/predict.py --checkpoint best.pyth film.mp4 --out p PREDICT.MIN_BOUT 0.5
  python tools/predict.py --checkpoint x3d_m.pyth film.mp4 --out p --cfg configs/Kinetics/X3D_M.yaml
  python tools/predict.py --checkpoint best.pyth films/ --out p --shard 3/10
  torchrun --nproc-per-node 4 tools/predict.py --checkpoint best.pyth films/ --out p

Exit status: 0; 1 if a video could not be read, or only in part (the others are done); 2 for an
error to correct; 130 if interrupted. torchrun returns 1 for every status other than 0.
"""

import argparse
import re
import sys
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.utils.command_line import OverridesParser
from slowfast.utils.terminal import print_all


def make_parser() -> OverridesParser:
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("opts", nargs="*", metavar="VIDEO", help="files, folders, patterns, lists, image folders")
    add("--checkpoint", metavar="FILE", help="weights of a trained network")
    add("--out", type=Path, metavar="FOLDER", help="folder of the results")
    add("--cfg", metavar="FILE.yaml", help="configuration, in place of the one in the checkpoint")
    parser.add_configuration_options()
    add("--shard", default="1/1", metavar="I/N", help="only part I of N of the videos, from 1")
    add("--frames", action="store_true", help="also write a row for each frame (frames.csv)")
    words = "also write the bouts for another program, such as boris or eaf; can be repeated"
    add("--export", action="append", default=[], metavar="NAME", help=words)
    add("--keys", nargs="?", const="PREDICT", metavar="NAME", help="explain a key or a group")
    return parser


def parse_shard(text: str) -> tuple[int, int]:
    """Returns (3, 10) for 3/10. Raises UserError for anything else."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise UserError(f"--shard: found {text!r}; expected a part and their number, such as 3/10.")
    return int(found[1]), int(found[2])


def run(args: argparse.Namespace) -> int:
    """Predicts as the command line says, and returns the exit status."""
    from slowfast.prediction.job import prepare
    from slowfast.prediction.model import open_model
    from slowfast.prediction.run import predict
    from slowfast.utils import logging
    from slowfast.utils.overrides import split_at_first_key

    logging.setup_logging()
    videos, overrides = split_at_first_key(args.bare)
    overrides += args.after_opts
    if not (videos and args.checkpoint and args.out):
        raise UserError("Name videos, --checkpoint FILE and --out FOLDER; --help shows more.")
    shard = parse_shard(args.shard)
    ignore = args.ignore_unknown_keys
    model = open_model(args.checkpoint, args.cfg, overrides, args.out, ignore)
    return predict(prepare(model, videos, args.out, shard, args.frames, args.export))


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    parser = make_parser()
    args = parser.parse(argv)
    from slowfast.config.explain import explain
    from slowfast.entries import register_entries
    from slowfast.utils.processes import launch, torchrun

    register_entries()

    if args.keys is not None:
        try:
            print_all(explain(args.keys))
        except UserError as error:
            parser.error(str(error))
        return 0
    return torchrun.as_worker(launch.exit_status)(run, args)


if __name__ == "__main__":
    sys.exit(main())
