#!/usr/bin/env python3
"""Compares predicted bouts and scores with the events of a person, on the same videos.

    python tools/evaluate_events.py labels.boris predictions/
    python tools/evaluate_events.py labels.csv predictions/ others/ --json figures.json
    python tools/evaluate_events.py anna.boris ben.boris --videos films/

The person's events can be in any format that tools/cut_videos.py reads. A prediction is the folder
of tools/predict.py, its bouts.csv, or another table of events: the last line compares two people.

The output has, for each class and as a mean over the classes that the person saw: average precision
of the scores; F1, precision, recall and Cohen's kappa of frames; F1 of bouts that overlap by 0.1,
0.25 and 0.5; and how far the starts of paired bouts are apart. Intervals are over videos. With a
second prediction the output has the differences, paired over videos. docs/ETHOGRAMS.md explains the
figures. Exit status: 0, or 2 for an error to correct.
"""

import argparse
import json
import os
import sys
from math import isnan
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.data_tools.event_options import (
    add_choice_options,
    add_reading_options,
    reading_options,
)
from slowfast.ethograms.agreement.evaluation import USUAL_RATE, Evaluation
from slowfast.ethograms.agreement.figures import FIGURES, Figure, sums
from slowfast.ethograms.agreement.intervals import FEW_VIDEOS, Agreement, Compared, compare
from slowfast.ethograms.agreement.side import Choice, read_side
from slowfast.ethograms.scores import Bout
from slowfast.utils.command_line import (
    check_file,
    check_folder,
    check_resamples,
    tool_parser,
    write_text,
)
from slowfast.utils.terminal import print_all, prints_errors

SHOWN = tuple(figure for figure in FIGURES if figure.key != "offset")
ABSENT = "-"
LONGEST = 32  # characters of a class name in the table


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("truth", type=Path, metavar="TRUTH", help="events of a person")
    add("predictions", type=Path, nargs="+", metavar="PREDICTION", help="one or two predictions")
    add("--videos", type=Path, metavar="FOLDER", help="the videos, whose frames are counted")
    words = f"frames per second of videos that are not found ({USUAL_RATE:g})"
    add("--rate", type=float, default=USUAL_RATE, metavar="R", help=words)
    add("--json", type=Path, metavar="FILE", help="write all figures, and the confusion matrix")
    words = "write a page for each video of the first prediction, with the labels"
    add("--pages", type=Path, metavar="FOLDER", help=words)
    add("--resamples", type=int, default=1000, metavar="N", help="of an interval (1000)")
    add("--seed", type=int, default=0, help="of the resamples (0)")
    add("--pairs", type=int, default=10, metavar="N", help="confused classes that are shown (10)")
    words = "leave out rows with mistakes, and list them, instead of stopping"
    add("--skip-mistakes", action="store_true", help=words)
    add_choice_options(parser.add_argument_group("which events of a person count"))
    add_reading_options(parser.add_argument_group("how the table of a person is read"))
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    check(args)
    choice = Choice(tuple(args.subject), tuple(args.observation), args.modifiers)
    truth, *sides = (
        read_side(path, reading_options(args), choice, args.skip_mistakes)
        for path in (args.truth, *args.predictions)
    )
    evaluation = Evaluation(truth, sides, args.videos, args.rate)
    agreements = evaluation.agreements(args.resamples, args.seed)
    notes = [note for side in (truth, *sides, evaluation) for note in side.notes]
    for note in dict.fromkeys(notes):  # one file can be given twice
        print(f"note: {note}")
    lines = describe(agreements[0])
    for path, agreement in zip(args.predictions, agreements, strict=True):
        lines += ["", f"{path}:", *table(agreement), *confused(agreement, args.pairs)]
    found = compare(*agreements) if len(agreements) == 2 else None
    if found is not None:
        lines += ["", *differences(found, args.predictions, agreements[0])]
    print_all("\n".join(lines))
    if args.json:
        write_json(args.json, args, agreements, found)
    if args.pages:
        print(write_pages(args.pages, evaluation, agreements[0], args.predictions[0]))
    return 0


def check(args: argparse.Namespace) -> None:
    """Raises UserError for a value that cannot be used, or a result that cannot be written."""
    if len(args.predictions) > 2:
        raise UserError(f"found {len(args.predictions)} predictions; expected one, or two")
    check_resamples(args.resamples)
    if not 0 < args.rate < float("inf"):
        raise UserError(f"--rate {args.rate:g}: expected frames per second, more than 0")
    for name, value in (("seed", args.seed), ("pairs", args.pairs)):
        if value < 0:
            raise UserError(f"--{name} {value}: expected 0 or more")
    if args.json:
        check_file(args.json)
    if args.pages:
        check_folder(args.pages)


def describe(agreement: Agreement) -> list[str]:
    videos = len(agreement.videos)
    frames = sum(video.frames for video in agreement.videos)
    seen = int(agreement.occurs.sum())
    lines = [
        f"{videos} video{'s' * (videos != 1)}, {frames} frames that the person observed, "
        f"{len(agreement.classes)} classes, {seen} of which the person saw."
    ]
    if videos == 1:
        lines.append("There are no intervals, since they are over videos and this is one.")
    elif videos < FEW_VIDEOS:
        lines.append(f"Intervals over fewer than {FEW_VIDEOS} videos are too narrow.")
    return lines


def table(agreement: Agreement) -> list[str]:
    """Returns the lines of the figures of each class that occurs, and their means."""
    total = sums(agreement.videos)
    rows = [
        (
            *(brief(name), f"{int(total.true[index])}", f"{int(total.bouts[index])}"),
            *(shown(figure, agreement.by_class[figure.key][index]) for figure in SHOWN),
        )
        for index, name in enumerate(agreement.classes)
        if total.true[index] or total.predicted[index]
    ]
    mean = ("mean", "", "", *(shown(each, agreement.mean[each.key]) for each in SHOWN))
    ends = [
        (
            *(words, "", ""),
            *(
                shown(each, agreement.mean_intervals.get(each.key, (float("nan"),) * 2)[side])
                for each in SHOWN
            ),
        )
        for side, words in enumerate(("95 % interval from", "to"))
    ]
    pooled = agreement.pooled
    chance = ("random scores", "", "", shown(SHOWN[0], agreement.chance))
    random = (*chance, *[""] * (len(SHOWN) - 1))
    together = (
        *("all together", f"{int(total.true.sum())}", f"{int(total.bouts.sum())}"),
        *(shown(each, pooled.get(each.key, float("nan"))) for each in SHOWN),
    )
    heads = ("class", "frames", "bouts", *(heading(figure) for figure in SHOWN))
    below = [
        mean,
        *(ends if len(agreement.videos) > 1 else []),
        *([] if isnan(agreement.chance) else [random]),
        together,
    ]
    widths = [max(len(row[k]) for row in (heads, *rows, *below)) for k in range(len(heads))]
    line = "  ".join(["{:<" + str(widths[0]) + "}", *("{:>" + str(w) + "}" for w in widths[1:])])
    lines = [line.format(*heads)]
    lines.append("-" * len(lines[0]))
    lines += [line.format(*row) for row in rows]
    lines.append("-" * len(lines[0]))
    return [each.rstrip() for each in (*lines, *(line.format(*row) for row in below))]


def heading(figure: Figure) -> str:
    return figure.title if figure.unit == "%" else f"{figure.title} ({figure.unit})"


def brief(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."


def shown(figure: Figure, value: float) -> str:
    if isnan(value):
        return ABSENT
    return f"{100 * value:.1f}" if figure.unit == "%" else f"{value:.2f}"


def confused(agreement: Agreement, most: int) -> list[str]:
    pairs = agreement.confused_pairs(most)
    if not pairs:
        return []
    width = max(len(brief(pair[0])) for pair in pairs)
    return [
        "Confused most often (the person saw -> predicted in its place, frames):",
        *(f"  {brief(a):<{width}} -> {b}: {n} ({100 * share:.1f} %)" for a, b, n, share in pairs),
    ]


def differences(found: Compared, paths: list[Path], agreement: Agreement) -> list[str]:
    """Returns the lines of the differences of means, for the classes that both have."""
    lines = [f"A: {paths[0]}", f"B: {paths[1]}"]
    line = "{:<14}{:>9}{:>9}{:>9}{:>18}{:>13}"
    lines.append(line.format("mean", "A", "B", "B - A", "95 % interval", "B better in"))
    lines.append("-" * len(lines[-1]))
    for figure in SHOWN:
        one = found.mean.get(figure.key)
        if one is None:
            continue
        scale, digits = (100, 1) if figure.unit == "%" else (1, 2)
        first, second = f"{scale * one.first:.{digits}f}", f"{scale * one.second:.{digits}f}"
        change = f"{scale * one.value:+.{digits}f}"
        ends, share, words = ABSENT, ABSENT, ""
        if not isnan(one.low):
            ends = f"{scale * one.low:+.{digits}f} to {scale * one.high:+.{digits}f}"
            share = f"{100 * one.share_better:.1f} %"
            words = "" if one.is_shown else "  no difference that these videos can show"
        lines.append(line.format(heading(figure), first, second, change, ends, share) + words)
    if len(agreement.videos) > 1:
        lines.append(f"Over {agreement.resamples} resamples of the videos, the same for both.")
    return lines


def write_json(
    path: Path, args: argparse.Namespace, agreements: list[Agreement], found: Compared | None
) -> None:
    """Writes all figures."""
    record = {
        "truth": str(args.truth),
        "predictions": [
            {"path": str(prediction), **agreement.to_record()}
            for prediction, agreement in zip(args.predictions, agreements, strict=True)
        ],
    }
    if found is not None:
        record["differences"] = found.to_record()
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def write_pages(folder: Path, evaluation: Evaluation, agreement: Agreement, path: Path) -> Path:
    """Writes the pages of all videos of the first prediction, and returns the overview.

    Pictures, thresholds and copies of a folder of tools/predict.py are taken from there.
    """
    from slowfast.prediction.copies import COPY
    from slowfast.prediction.stills import StillFiles
    from slowfast.prediction.store import Store, read_thresholds_used
    from slowfast.visualization.ethogram import write_ethogram

    home = path if path.is_dir() else path.parent
    names = Store(home).names()
    videos = evaluation.all_videos()
    scored = [video.scored(0) for video in videos]
    stills: dict[Bout, Path] = {}
    media: dict[str, Path | None] = {}
    for video, (scores, bouts) in zip(videos, scored, strict=True):
        media[video.name] = video.file
        if name := names.get(os.path.realpath(video.name)):
            own = Store(home).folder_of(name)
            stills |= StillFiles.within(own, scores, bouts)
            media[video.name] = own / COPY if (own / COPY).is_file() else video.file
    return write_ethogram(
        folder,
        [scores for scores, _ in scored],
        [bout for _, bouts in scored for bout in bouts],
        events=[bout for video in videos for bout in video.events],
        stills=StillFiles(stills),
        thresholds=read_thresholds_used(home),
        agreement=agreement,
        media=media,
        title=path.name,
        what="Predicted bouts, and the events of a person",
    )


if __name__ == "__main__":
    sys.exit(main())
