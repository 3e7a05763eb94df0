"""Chooses the threshold of each class: python tools/choose_thresholds.py --checkpoint best.pyth

The validation clips of the checkpoint (AK.HOLDOUT, or else val.csv) are scored as tools/predict.py
scores a window. The threshold of a class is the one with the highest F1 on these clips. The file
thresholds.json beside the checkpoint gets them, with intervals over resamples of the clips;
tools/predict.py takes them from there. A class without a clip in the hold-out keeps 0.5.

The clips should not be those that the network was trained or will be tested on. A clip of training
data often shows a behaviour throughout, and a window of new footage only partly. Where a person has
labelled whole videos, tools/evaluate_events.py says how good the bouts are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast.utils.command_line import OverridesParser, write_text
from slowfast.utils.terminal import prints_errors


def make_parser() -> OverridesParser:
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("opts", nargs="*", metavar="KEY VALUE", help="overrides of the configuration")
    add("--checkpoint", required=True, metavar="FILE", help="weights of a trained network")
    add("--cfg", metavar="FILE.yaml", help="configuration, in place of the one in the checkpoint")
    parser.add_configuration_options()
    add("--out", type=Path, metavar="FILE", help="default: thresholds.json beside the checkpoint")
    add("--resamples", type=int, default=200, help="for the intervals (%(default)s; 0: none)")
    add("--seed", type=int, default=0, help="of the resamples (%(default)s)")
    return parser


def print_table(chosen: Sequence) -> None:
    """Prints the classes with their thresholds, F1 and intervals."""
    width = max(len("class"), *(len(each.name) for each in chosen))
    print(f"{'class':{width}}  clips  threshold  95 % interval     F1  95 % interval")
    for each in chosen:
        if each.f1 is None:
            print(
                f"{each.name:{width}}  {0:5}  {each.threshold:9.3f}  no clip with it: the default"
            )
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
    import slowfast.checkpoints  # the next imports register what a configuration can name
    import slowfast.datasets
    import slowfast.tasks  # noqa: F401
    from slowfast.ethograms.thresholds import FILE, as_json, choose_thresholds
    from slowfast.prediction.holdout import score_holdout
    from slowfast.prediction.model import open_model
    from slowfast.utils import logging

    logging.setup_logging()
    path = args.out or Path(args.checkpoint).with_name(FILE)
    ignore = args.ignore_unknown_keys
    model = open_model(args.checkpoint, args.cfg, args.opts, path.parent, ignore)
    scored = score_holdout(model)
    names = model.classes.predicted_names
    chosen = choose_thresholds(scored.scores, scored.labels, names, args.resamples, args.seed)
    about = {"checkpoint": model.digest, "chosen_on": scored.clips, "clips": len(scored.scores)}
    write_text(path, as_json(chosen, **about, measure="F1"))
    print_table(chosen)
    print(f"{path}: thresholds of {len(chosen)} classes, chosen on {scored.clips}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
