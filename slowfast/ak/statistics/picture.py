"""Draws the statistics of a data set as a picture: the long tail, labels per clip, frames per clip,
and the classes that occur together.

The picture needs no display. Its size grows with the number of classes, so that each name is
legible. Names are plain text: a dollar sign in a name does not begin a formula. Head, middle and
tail have the colours of the report page.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from slowfast.ak.classes.table import SEGMENTS
from slowfast.ak.errors import UserError
from slowfast.ak.statistics.summary import Statistics

COLOURS = dict(zip(SEGMENTS, ("#004488", "#b5485a", "#a97700"), strict=True))
_INK, _FAINT, _TRAIN, _TEST = "#1c1e21", "#dddcd6", "#5b8fc4", "#1c1e21"
_SHADES = LinearSegmentedColormap.from_list("shares", ["#f6f6f3", "#8fb4d9", "#004488"])
_LONGEST = 32  # characters of a class name
_IN_MATRIX = 28  # classes in the matrix, the largest ones


def draw(data: Statistics, path: Path, title: str = "") -> None:
    """Draws the picture into a file of the format that its extension names (png, pdf, svg).

    Raises:
        UserError: the file cannot be written, or the format is unknown.
    """
    with rc_context({"text.parse_math": False}):
        _draw(data, path, title)


def _draw(data: Statistics, path: Path, title: str) -> None:
    classes = len(data.table.names)
    width = min(40, max(15, 0.17 * classes))
    figure = Figure(figsize=(width, 14), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    top, bottom = figure.subfigures(2, 1, height_ratios=[5, 8])
    left, right = bottom.subfigures(1, 2, width_ratios=[max(5, width - 9.2), 9.2])
    _tail(top.subplots(), data)
    above, below = left.subplots(2, 1)
    _labels(above, data)
    _frames(below, data)
    _together(right.subplots(), data)
    figure.suptitle(f"{title}\n{_subtitle(data)}".strip(), fontsize=13, color=_INK)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: the picture cannot be written: {reason}") from None


def _subtitle(data: Statistics) -> str:
    train, test = len(data.train.names), len(data.test.names)
    return (
        f"{train:,} training and {test:,} test clips of {len(data.table.names)} classes; "
        f"imbalance {data.imbalance:,.0f} to 1; segments {data.table.source}"
    )


def _tail(axes: Axes, data: Statistics) -> None:
    train, test = data.train.class_counts, data.test.class_counts
    order = np.argsort(-train, kind="stable")
    places = np.arange(len(order))
    segments = np.array(data.table.segments)[order]
    for segment in SEGMENTS:
        own = segments == segment
        if own.any():
            label = f"{segment}: {own.sum()} classes"
            axes.bar(places[own], train[order][own], 0.8, color=COLOURS[segment], label=label)
    shown = test[order] > 0
    style = {"color": _TEST, "zorder": 3, "clip_on": False}
    axes.scatter(
        places[shown],
        test[order][shown],
        s=26,
        edgecolors="white",
        linewidths=0.6,
        label="test clips",
        **style,
    )
    if not shown.all():
        label = f"no test clip: {(~shown).sum()} classes"
        none = np.full((~shown).sum(), 0.62)
        axes.scatter(places[~shown], none, s=24, marker="x", linewidths=1.3, label=label, **style)
    axes.set_yscale("log")
    most = max(2, train.max(), test.max())
    axes.set_ylim(0.5, most * 2)
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if most > 300 else (1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-0.7, len(order) - 0.3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 1 else ""))
    size = 9 if len(order) <= 60 else 7.5
    names = [_short(data.table.names[index]) for index in order]
    axes.set_xticks(places, names, rotation=90 if len(order) > 20 else 35, fontsize=size)
    if len(order) <= 20:
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    _style(axes, "Clips of each class", "training clips, log scale")
    axes.legend(frameon=False, fontsize=10, ncols=5, loc="upper right")


def _labels(axes: Axes, data: Statistics) -> None:
    for shift, colour, words, split in _sides(data):
        histogram = split.labels_a_clip
        share = 100 * histogram / histogram.sum()
        mean = split.labels.sum(axis=1).mean()
        label = f"{words} clips, {mean:.2f} labels on average"
        axes.bar(np.arange(len(share)) + shift, share, 0.38, color=colour, label=label)
    longest = max(len(split.labels_a_clip) for split in (data.train, data.test))
    axes.set_xlim(-0.6, longest - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(15, integer=True))
    _style(axes, "Labels per clip", "clips, %")
    _legend_above(axes)


def _frames(axes: Axes, data: Statistics) -> None:
    known = [side for side in _sides(data) if side[-1].frames is not None]
    _style(axes, "Frames per clip", "clips, %")
    if not known:
        text = "The lists have one line per clip, so the frames are not known."
        axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes, color=_INK)
        axes.set(xticks=[], yticks=[], ylabel="")
        return
    everything = np.concatenate([split.frames for *_, split in known])
    low, high = everything.min(), everything.max()
    wide = high > 20 * low
    # Edges lie between whole numbers.
    if wide:
        edges = np.unique(np.geomspace(low, high + 1, 30).round()) - 0.5
    else:
        edges = np.arange(low - 0.5, high + 1, -(-(high - low + 1) // 30))
        edges = np.append(edges, high + 0.5) if edges[-1] < high else edges
    for _, colour, words, split in known:
        weights = np.full(len(split.frames), 100 / len(split.frames))
        style = {"histtype": "stepfilled", "alpha": 0.25, "color": colour}
        axes.hist(split.frames, edges, weights=weights, **style)
        label = f"{words} clips, median {np.median(split.frames):g} frames"
        style = {"histtype": "step", "linewidth": 1.6, "color": colour, "label": label}
        axes.hist(split.frames, edges, weights=weights, **style)
    if wide:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _legend_above(axes)


def _sides(data: Statistics) -> list[tuple]:
    return [
        (-0.2, _TRAIN, "training", data.train),
        (0.2, _TEST, "test", data.test),
    ]


def _together(axes: Axes, data: Statistics) -> None:
    counts = data.train.class_counts
    order = np.argsort(-counts, kind="stable")[:_IN_MATRIX]
    order = order[counts[order] > 0]
    together = data.together()[np.ix_(order, order)]
    share = 100 * together / np.maximum(1, counts[order])[:, None]
    np.fill_diagonal(share, np.nan)
    top = max(1, np.nanmax(share)) if len(order) > 1 else 1
    image = axes.imshow(share, cmap=_SHADES, vmin=0, vmax=top)
    names = [_short(data.table.names[index]) for index in order]
    axes.set_xticks(range(len(order)), names, rotation=90, fontsize=8.5)
    axes.set_yticks(range(len(order)), names, fontsize=8.5)
    for row, column in np.argwhere(share >= 10):
        value = share[row, column]
        colour = "white" if value > 0.65 * top else _INK
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_visible(False)
    which = f"the {len(order)} largest classes" if len(order) < len(counts) else "all classes"
    axes.set_title(
        f"Classes together, {which}\n% of the training clips of the row that also show the column",
        loc="left",
        fontsize=11.5,
        color=_INK,
    )
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=0)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _legend_above(axes: Axes) -> None:
    """Puts the legend above the bars, in added space."""
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)
    axes.legend(frameon=False, fontsize=10, loc="upper right")


def _style(axes: Axes, title: str, ylabel: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, color=_INK)
    axes.set_ylabel(ylabel, fontsize=10, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(which="both", colors=_INK, length=0)
    axes.grid(axis="y", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
