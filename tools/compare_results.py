#!/usr/bin/env python3
"""Compares two saved results on the same test clips, by a paired bootstrap.

    python tools/compare_results.py output/bce/results.pkl output/ldam/results.pkl

For mAP overall and of each segment: both values, the difference, its 95 % interval over resampled
test clips, and the share of resamples in which the second is better. Names and segments come from
the files beside the pickles, or from a sheet (--classes). What another training run of the same
settings would have given, test clips cannot tell: for that, train with other seeds.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from slowfast.ak.classes.table import read_sheet
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.comparison import Difference, align, compare, largest_changes
from slowfast.results.saved_scores import SavedResults, read_results
from slowfast.utils.terminal import tells_errors

MOST_RESAMPLES = 10_000


@tells_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", metavar="A.pkl", help="saved results")
    parser.add_argument("second", metavar="B.pkl", help="saved results on the same clips")
    parser.add_argument("--classes", type=Path, metavar="SHEET", help="names and segments")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (0)")
    parser.add_argument("--changes", type=int, default=10, metavar="N", help="classes shown (10)")
    args = parser.parse_args(argv)
    check(args)
    first, second = read_results(args.first), read_results(args.second)
    rows, remark = bring_together(first, second)
    names, segments, source = name_classes(first, second, args.classes)
    scores, labels = second.scores[rows], first.labels
    found = compare(first.scores, scores, labels, segments, args.resamples, args.seed)
    if not found:
        raise UserError(
            f"{first.path} and {second.path}: no clip carries a class, so that there is no "
            "average precision to compare. Were they tested on the list you mean?"
        )
    print(f"A: {describe(first)}\nB: {describe(second)}\n{len(labels)} test clips. {remark}\n")
    print("\n".join(table(found, args.resamples)))
    print(f"Segments: {source}." if segments else f"No segments: {source}.")
    changes = largest_changes(first.scores, scores, labels, args.changes)
    print("\nLargest changes of a class, average precision in %; of one class by itself, with few")
    print("test clips, they are chance before anything else:")
    for index, one, other in changes:
        clips = int(labels[:, index].sum())
        segment = segments[index] if segments else ""
        print(
            f"  {names[index]:<28.28} {segment:<7}{clips:>5} test clips"
            f"{100 * one:>9.2f} ->{100 * other:>7.2f}  {100 * (other - one):+7.2f}"
        )
    return 0


def check(args: argparse.Namespace) -> None:
    if not 2 <= args.resamples <= MOST_RESAMPLES:
        raise UserError(
            f"--resamples {args.resamples}: expected 2 to {MOST_RESAMPLES}; more take memory and "
            "time, and move an interval by next to nothing. 1000 do."
        )
    for name, value in (("seed", args.seed), ("changes", args.changes)):
        if value < 0:
            raise UserError(f"--{name} {value}: expected 0 or more.")


def bring_together(first: SavedResults, second: SavedResults) -> tuple[np.ndarray, str]:
    """Where the second has each of the first's clips, and how that is known.

    Raises:
        UserError: they are of other clips, classes or labels.
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
        remark = "No .csv names the clips of both; their labels agree, clip by clip."
    other = (first.labels != second.labels[rows]).any(axis=1)
    if other.any():
        name = first.clips[other.argmax()] if first.clips else f"number {other.argmax()}"
        raise UserError(
            f"{both}: {other.sum()} of {len(other)} clips have other labels, the first being "
            f"{name}; only results on one test list can be compared."
        )
    return rows, remark


def name_classes(
    first: SavedResults, second: SavedResults, sheet: Path | None
) -> tuple[list[str], list[str] | None, str]:
    """Names, segments (None where nothing tells them) and where these come from."""
    num_classes = first.scores.shape[1]
    if sheet:
        names, segments, source = read_sheet(sheet, num_classes)
        return names, segments, source if segments else f"{sheet} has none"
    for result in (first, second):
        if result.classes:
            names = [row.name for row in result.classes]
            segments = [row.segment for row in result.classes]
            source = result.summary.get("segments") or "the tests knew none"
            return names, segments if any(segments) else None, source
    return [str(i) for i in range(num_classes)], None, "no table beside the results; see --classes"


def describe(result: SavedResults) -> str:
    summary = result.summary
    parts = [str(result.path)]
    parts += [str(summary[key]) for key in ("views", "checkpoint") if summary.get(key)]
    if summary.get("best_chosen_on"):
        parts.append(f"chosen on {summary['best_chosen_on']}")
    return ", ".join(parts)


def table(found: dict[str, Difference], resamples: int) -> list[str]:
    heads = ("mAP in %", "A", "B", "B - A", "95 % interval", "B better in")
    line = "{:<10}{:>9}{:>9}{:>9}{:>18}{:>13}"
    lines = [line.format(*heads)]
    lines.append("-" * len(lines[0]))
    for key, one in found.items():
        name = key.replace("map_", "").replace("map", "overall")
        low, high = f"{100 * one.low:+.2f}", f"{100 * one.high:+.2f}"
        cells = (f"{100 * one.first:.2f}", f"{100 * one.second:.2f}", f"{100 * one.value:+.2f}")
        share = f"{100 * one.share_better:.1f} %"
        words = "" if one.is_shown else "  no difference that these clips can show"
        lines.append(line.format(name, *cells, f"{low} to {high}", share) + words)
    lines.append(f"Over {resamples} resamples of the clips, the same for both.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
