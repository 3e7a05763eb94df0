"""Chooses the threshold of each class: python tools/choose_thresholds.py --checkpoint best.pyth

The validation clips of the checkpoint (AK.HOLDOUT, or else val.csv) are scored as tools/predict.py
scores a window. The threshold of a class is the one with the highest F1 on these clips. The file
thresholds.json beside the checkpoint gets them, with intervals over resamples of the clips;
tools/predict.py takes them from there. A class without a clip in the hold-out keeps 0.5.

A clip of training data often shows a behaviour throughout, and a window of new footage only partly.
Where a person has labelled whole videos, they are the better hold-out:

  python tools/predict.py --checkpoint best.pyth labelled/ --out predictions/
  python tools/choose_thresholds.py --checkpoint best.pyth \\
      --events labels.boris --predictions predictions/

Take clips or videos with which the network was neither trained nor will be tested.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slowfast.ak.errors import UserError
from slowfast.data_tools.event_options import (
    add_choice_options,
    add_reading_options,
    reading_options,
)
from slowfast.utils.command_line import (
    OverridesParser,
    check_file,
    check_resamples,
    write_text,
)
from slowfast.utils.terminal import prints_errors

if TYPE_CHECKING:
    from slowfast.ethograms.thresholds import Chosen
    from slowfast.prediction.holdout import Scored


def make_parser() -> OverridesParser:
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("opts", nargs="*", metavar="KEY VALUE", help="overrides of the configuration")
    add("--checkpoint", required=True, metavar="FILE", help="weights of a trained network")
    add("--cfg", metavar="FILE.yaml", help="configuration, in place of the one in the checkpoint")
    parser.add_configuration_options()
    add("--out", type=Path, metavar="FILE", help="default: thresholds.json beside the checkpoint")
    add("--events", type=Path, metavar="TABLE", help="events of a person in predicted videos")
    add("--predictions", type=Path, metavar="FOLDER", help="the prediction of these videos")
    add("--videos", type=Path, metavar="FOLDER", help="the videos, if they were moved since")
    add("--resamples", type=int, default=200, help="for the intervals (%(default)s; 0: none)")
    add("--seed", type=int, default=0, help="of the resamples (%(default)s)")
    add_choice_options(parser)
    add_reading_options(parser)
    return parser


def print_table(chosen: Sequence[Chosen], items: str) -> None:
    """Prints the classes with their thresholds, F1 and intervals.

    Args:
        items: what was scored, clips or cells.
    """
    width = max(len("class"), *(len(each.name) for each in chosen))
    print(f"{'class':{width}}  {items}  threshold  95 % interval     F1  95 % interval")
    for each in chosen:
        if each.f1 is None:
            row = f"{each.name:{width}}  {0:5}  {each.threshold:9.3f}"
            print(f"{row}  not in the hold-out: the default")
            continue
        intervals = [
            f"{low:.3f} to {high:.3f}" if values else " " * 14
            for values in (each.threshold_interval, each.f1_interval)
            for low, high in [values or (0, 0)]
        ]
        print(
            f"{each.name:{width}}  {each.positives:5}  {each.threshold:9.3f}  {intervals[0]:14}"
            f"  {each.f1:.3f}  {intervals[1]}"
        )


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse(argv)
    from slowfast.entries import register_entries
    from slowfast.ethograms.thresholds import FILE, as_json, choose_thresholds
    from slowfast.utils import logging

    register_entries()

    if (args.events is None) != (args.predictions is None):
        raise UserError("--events and --predictions belong together: give both, or neither.")
    if args.resamples:
        check_resamples(args.resamples)
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: expected 0 or more")
    logging.setup_logging()
    path = args.out or Path(args.checkpoint).with_name(FILE)
    if args.out or Path(args.checkpoint).is_file():
        check_file(path)
    scored, digest = of_videos(args) if args.events else of_clips(args)
    for note in scored.notes:
        print(f"note: {note}")
    how = args.resamples, args.seed, scored.videos
    chosen = choose_thresholds(scored.scores, scored.labels, scored.classes, *how)
    about = {"checkpoint": digest, "chosen_on": scored.source, "items": len(scored.scores)}
    write_text(path, as_json(chosen, **about, measure="F1"))
    print_table(chosen, "clips" if scored.videos is None else "cells")
    print(f"{path}: thresholds of {len(chosen)} classes, chosen on {scored.source}.")
    return 0


def of_clips(args: argparse.Namespace) -> tuple[Scored, str]:
    """Returns the scores of the validation clips, and the digest of the weights."""
    from slowfast.prediction.holdout import score_holdout
    from slowfast.prediction.model import open_model

    folder, ignore = Path(args.checkpoint).parent, args.ignore_unknown_keys
    model = open_model(args.checkpoint, args.cfg, args.opts, folder, ignore)
    return score_holdout(model), model.digest


def of_videos(args: argparse.Namespace) -> tuple[Scored, str]:
    """Returns the scores of videos that a person has labelled, and the digest of the weights.

    Raises:
        UserError: the prediction is of other weights.
    """
    from slowfast.checkpoints.digests import compute_digest
    from slowfast.ethograms.agreement.side import Choice, read_side
    from slowfast.prediction.holdout import score_events
    from slowfast.prediction.store import predicted_by

    if args.opts or args.cfg:
        raise UserError("--cfg and KEY VALUE have no effect with --events; leave them out.")
    if not Path(args.checkpoint).is_file():
        raise UserError(f"--checkpoint: there is no file {args.checkpoint}.")
    digest = compute_digest(Path(args.checkpoint))
    if predicted_by(args.predictions) != digest:
        raise UserError(
            f"{args.predictions}: was not predicted with {args.checkpoint}. Name the checkpoint of "
            "this prediction, or predict these videos with this one."
        )
    choice = Choice(tuple(args.subject), tuple(args.observation), args.modifiers)
    truth = read_side(args.events, reading_options(args), choice)
    return score_events(truth, args.predictions, args.videos), digest


if __name__ == "__main__":
    sys.exit(main())
