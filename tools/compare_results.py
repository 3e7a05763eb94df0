#!/usr/bin/env python3
"""Compares the results of two tests on the same clips, by a paired bootstrap.

    python tools/compare_results.py output/bce/results.pkl output/ldam/results.pkl

The output has mAP overall and of each segment, or with one class a clip the accuracies over clips
and over classes: both values, the difference, its 95 % interval over resampled test clips, and the
share of resamples in which the second result is better. Names and segments come from the files
beside the pickles, or from a sheet (--classes). The interval says nothing about another training
run with the same settings: train with other seeds to see that.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from slowfast.ak.classes.table import read_sheet
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.comparison import Difference, align, compare, largest_changes
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.registries.metrics import METRICS, column_of, facts_of
from slowfast.results.reading import Results, read_results
from slowfast.utils.command_line import check_resamples, tool_parser
from slowfast.utils.terminal import prints_errors


@prints_errors
def main(argv: list[str] | None = None) -> int:
    parser = tool_parser(__doc__)
    parser.add_argument("first", metavar="A.pkl", help="saved results")
    parser.add_argument("second", metavar="B.pkl", help="saved results on the same clips")
    parser.add_argument("--set", default="", help="label set, where the tests have several")
    parser.add_argument("--classes", type=Path, metavar="SHEET", help="names and segments")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (0)")
    parser.add_argument("--changes", type=int, default=10, metavar="N", help="classes shown (10)")
    args = parser.parse_args(argv)
    check(args)
    first, second = (read_results(path, args.set) for path in (args.first, args.second))
    rows, remark = match_clips(first, second)
    names, segments, source = name_classes(first, second, args.classes)
    labels, options = first.labels, TestOptions()
    figures = [
        Figures(scores, first.targets, segments, options)
        for scores in (first.scores, second.scores[rows])
    ]
    found = compare(*figures, args.resamples, args.seed)
    if not found:
        raise UserError(
            f"{first.path} and {second.path}: no clip carries a class, so there is no figure to "
            "compare. Check that both were tested on the right list."
        )
    print(f"A: {describe(first)}\nB: {describe(second)}\n{len(labels)} test clips. {remark}\n")
    print("\n".join(table(found, args.resamples, figures[0].quantity)))
    print(f"Segments: {source}." if segments else f"No segments: {source}.")
    changes = largest_changes(*figures, args.changes)
    measure = METRICS.facts(next(iter(figures[0].class_columns.values()))).class_title
    print(f"\nLargest changes of a class, {measure} in %. With few test clips, the change of a")
    print("single class is mostly chance:")
    for index, one, other in changes:
        clips = int(labels[:, index].sum())
        segment = segments[index] if segments else ""
        print(
            f"  {names[index]:<28.28} {segment:<7}{clips:>5} test clips"
            f"{100 * one:>9.2f} ->{100 * other:>7.2f}  {100 * (other - one):+7.2f}"
        )
    return 0


def check(args: argparse.Namespace) -> None:
    check_resamples(args.resamples)
    for name, value in (("seed", args.seed), ("changes", args.changes)):
        if value < 0:
            raise UserError(f"--{name} {value}: expected 0 or more.")


def match_clips(first: Results, second: Results) -> tuple[np.ndarray, str]:
    """Returns the place of each clip of the first result in the second, and a remark on how.

    Raises:
        UserError: the results have different clips, classes or labels.
    """
    both = f"{first.path} and {second.path}"
    if first.scores.shape[1] != second.scores.shape[1]:
        raise UserError(
            f"{both}: {first.scores.shape[1]} classes and {second.scores.shape[1]}; only results "
            "on one data set can be compared."
        )
    if first.clips and second.clips:
        try:
            rows, remark = align(first.clips, second.clips), "The same clips, by name."
        except UserError as error:
            raise UserError(f"{both}: {error}.") from None
    elif len(first.scores) != len(second.scores):
        raise UserError(f"{both}: {len(first.scores)} clips and {len(second.scores)}.")
    else:
        rows = np.arange(len(first.scores))
        remark = "No .csv files name the clips of both, but the labels of all clips are equal."
    other = (first.labels != second.labels[rows]).any(axis=1)
    if other.any():
        name = first.clips[other.argmax()] if first.clips else f"number {other.argmax()}"
        raise UserError(
            f"{both}: {other.sum()} of {len(other)} clips have other labels, the first being "
            f"{name}; only results on one test list can be compared."
        )
    return rows, remark


def name_classes(
    first: Results, second: Results, sheet: Path | None
) -> tuple[list[str], list[str] | None, str]:
    """Returns names, segments (None: not known) and the source of the segments."""
    num_classes = first.scores.shape[1]
    if sheet:
        names, segments, source = read_sheet(sheet, num_classes)
        return names, segments, source if segments else f"{sheet} has none"
    for result in (first, second):
        if result.classes:
            names = [row.name for row in result.classes]
            segments = [row.segment for row in result.classes]
            source = result.summary.get("segments") or "the tests had none"
            return names, segments if any(segments) else None, source
    return [str(i) for i in range(num_classes)], None, "no table beside the results; see --classes"


def describe(result: Results) -> str:
    summary = result.summary
    parts = [str(result.path)]
    parts += [str(summary[key]) for key in ("views", "checkpoint") if summary.get(key)]
    if summary.get("best_chosen_on"):
        parts.append(f"chosen on {summary['best_chosen_on']}")
    return ", ".join(parts)


def table(found: dict[str, Difference], resamples: int, quantity: str) -> list[str]:
    heads = (f"{quantity} in %", "A", "B", "B - A", "95 % interval", "B better in")
    names = {key: column_of(key) or facts_of(key).title for key in found}
    width = max(10, *(len(name) + 2 for name in (heads[0], *names.values())))
    line = f"{{:<{width}}}{{:>9}}{{:>9}}{{:>9}}{{:>18}}{{:>13}}"
    lines = [line.format(*heads)]
    lines.append("-" * len(lines[0]))
    for key, one in found.items():
        low, high = f"{100 * one.low:+.2f}", f"{100 * one.high:+.2f}"
        cells = (f"{100 * one.first:.2f}", f"{100 * one.second:.2f}", f"{100 * one.value:+.2f}")
        share = f"{100 * one.share_better:.1f} %"
        words = "" if one.is_shown else "  no difference that these clips can show"
        lines.append(line.format(names[key], *cells, f"{low} to {high}", share) + words)
    lines.append(f"Over {resamples} resamples of the clips, the same for both.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
