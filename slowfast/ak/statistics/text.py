"""The statistics of a data set as text, which `tools/describe_data.py` prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from slowfast.ak.statistics.summary import MIN_PAIR_CLIPS, Pair, Split, Statistics


def as_text(data: Statistics, pairs: int = 10) -> str:
    """Returns all statistics, in sections with an empty line between them."""
    sections = [
        _splits(data),
        _labels_a_clip(data),
        _segments(data),
        _missing(data),
        _pairs(data, "Pairs of classes with the most training clips", data.pairs(pairs)),
        _pairs(
            data,
            f"Pairs more frequent than by chance (of at least {MIN_PAIR_CLIPS} clips)",
            data.pairs(pairs, by="lift"),
        ),
        _classes(data),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _splits(data: Statistics) -> list[str]:
    def row(name: str, value) -> str:
        return f"{name:<30}" + "".join(f"{value(split):>14}" for split in (data.train, data.test))

    def frames(show: Callable[[np.ndarray], str]) -> Callable[[Split], str]:
        return lambda split: "unknown" if split.frames is None else show(split.frames)

    return [
        f"{'':<30}" + "".join(f"{Path(split.path).name:>14}" for split in (data.train, data.test)),
        "-" * 58,
        row("clips", lambda s: f"{len(s.labels):,}"),
        row("labels", lambda s: f"{s.labels.sum():,}"),
        row("labels per clip, mean", lambda s: f"{s.labels.sum(axis=1).mean():.2f}"),
        row(
            "classes with a clip", lambda s: f"{(s.class_counts > 0).sum()} of {s.labels.shape[1]}"
        ),
        row("frames", frames(lambda n: f"{n.sum():,}")),
        row("frames per clip, median", frames(lambda n: f"{np.median(n):g}")),
        row("frames per clip, range", frames(lambda n: f"{n.min():,}-{n.max():,}")),
    ]


def _labels_a_clip(data: Statistics) -> list[str]:
    histograms = [split.labels_a_clip for split in (data.train, data.test)]
    lines = ["Clips by their number of labels"]
    for count in range(max(map(len, histograms))):
        cells = []
        for histogram in histograms:
            clips = int(histogram[count]) if count < len(histogram) else 0
            cells.append(f"{clips:>8,} {clips / histogram.sum():>5.1%}")
        if any(count < len(h) and h[count] for h in histograms):
            lines.append(f"{count:>25}     " + "".join(cells))
    return lines


def _segments(data: Statistics) -> list[str]:
    lines = [f"Segments: {data.table.source}."]
    head = f"{'':<10}{'classes':>9}{'training clips per class':>26}{'with test clips':>18}"
    lines += [head, "-" * len(head)]
    for segment, found in data.segments().items():
        span = f"{found['smallest']:,} to {found['largest']:,}"
        lines.append(f"{segment:<10}{found['classes']:>9}{span:>26}{found['with_test_clips']:>18}")
    lines.append(
        f"Imbalance: the largest class has {data.imbalance:,.0f} times as many training clips as "
        "the smallest."
    )
    return lines


def _missing(data: Statistics) -> list[str]:
    lines = []
    for words, split in (("training", data.train), ("test", data.test)):
        missing = [data.table.names[index] for index in data.missing(split)]
        names = f" ({len(missing)}): {', '.join(missing)}" if missing else ": none"
        lines.append(f"Classes without a {words} clip{names}.")
    if both := data.in_both:
        lines.append(
            f"{len(both)} clips are in both lists, so the test measures training clips: "
            f"{', '.join(both[:5])}{', ...' if len(both) > 5 else ''}."
        )
    return lines


def _pairs(data: Statistics, title: str, pairs: list[Pair]) -> list[str]:
    if not pairs:
        return []
    names = data.table.names
    lines = [f"{title:<72}{'clips':>8}{'lift':>8}"]
    for pair in pairs:
        both = f"{names[pair.first]} + {names[pair.second]}"
        lines.append(f"  {both:<70.70}{pair.clips:>8,}{pair.lift:>8.1f}")
    return lines


def _classes(data: Statistics) -> list[str]:
    train, test = data.train.class_counts, data.test.class_counts
    width = max(5, *(len(name) for name in data.table.names))
    head = f"{'id':>4}  {'class':<{width}}  {'segment':<8}{'training':>9}{'test':>7}"
    lines = [head, "-" * len(head)]
    for index in np.argsort(-train, kind="stable"):
        name, segment = data.table.names[index], data.table.segments[index]
        lines.append(
            f"{index:>4}  {name:<{width}}  {segment:<8}{train[index]:>9,}{test[index]:>7,}"
        )
    return lines
