"""The bouts of videos as a picture: a raster of classes over time.

The picture needs no display. Names are plain text: a dollar sign does not begin a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from slowfast.ak.errors import UserError
from slowfast.ethograms.scores import Bout

_INK, _FAINT, _PREDICTED, _PERSON = "#1c1e21", "#ecebe6", "#004488", "#c08a00"
_LONGEST = 36  # characters of a name
_MOST_ROWS = 1000  # of a picture; a higher one cannot be drawn
_ROW, _AROUND = 0.2, 0.75  # inches
_MINUTE = 60  # seconds, and minutes of an hour


@dataclass(frozen=True)
class Panel:
    """One video of a picture.

    Attributes:
        seconds: the length of the video.
        events: the bouts of a person, which stand above those of the prediction.
    """

    name: str
    seconds: float
    bouts: Sequence[Bout]
    events: Sequence[Bout] = ()


def check_ending(name: str) -> None:
    """Raises UserError if no picture can have the ending of this file name."""
    ending, known = Path(name).suffix[1:].lower(), FigureCanvasAgg.get_supported_filetypes()
    if ending and ending not in known:
        raise UserError(
            f"PREDICT.PICTURE {name}: there is no format {ending}; expected one of "
            f"{', '.join(sorted(known))}."
        )


def draw_ethogram(path: Path, panels: Sequence[Panel], classes: Sequence[str]) -> Path:
    """Draws bouts into a file, one panel a video; its ending names the format (png, pdf, svg).

    A panel has a row for each class that occurs in it, in the order of `classes`. All panels have
    the same scale of time. Videos that a picture has no room for are left out, and its title says
    so.

    Raises:
        UserError: the file cannot be written, or the format is unknown.
    """
    with rc_context({"text.parse_math": False, "svg.fonttype": "none"}):
        figure = _draw(panels, classes)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=200)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{path}: the picture cannot be written: {reason}") from None
    return path


def _draw(panels: Sequence[Panel], classes: Sequence[str]) -> Figure:
    rows = [_rows(panel, classes) for panel in panels]
    drawn, total = 0, 0
    for each in rows:
        total += max(1, len(each))
        if drawn and total > _MOST_ROWS:
            break
        drawn += 1
    panels, left_out, rows = panels[:drawn], len(panels) - drawn, rows[:drawn]
    heights = [max(1, len(each)) * _ROW + _AROUND for each in rows]
    person = any(panel.events for panel in panels)
    head = 0.35 * (bool(left_out) + person)
    figure = Figure(figsize=(10, sum(heights) + head), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(drawn, 1, squeeze=False, height_ratios=heights)[:, 0]
    longest = max(panel.seconds for panel in panels)
    for each, panel, shown in zip(axes, panels, rows, strict=True):
        _draw_panel(each, panel, shown, longest, person)
    if left_out:
        figure.suptitle(f"The first {drawn} of {drawn + left_out} videos", fontsize=9, color=_INK)
    if person:
        handles = [
            axes[0].barh([0], [0], color=colour, label=label)
            for colour, label in ((_PERSON, "person"), (_PREDICTED, "prediction"))
        ]
        figure.legend(
            handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=8
        )
    return figure


def _rows(panel: Panel, classes: Sequence[str]) -> list[str]:
    present = {bout.label for bout in (*panel.bouts, *panel.events)}
    return [name for name in classes if name in present]


def _draw_panel(
    axes: Axes, panel: Panel, rows: Sequence[str], longest: float, person: bool
) -> None:
    kinds = (
        ((panel.events, -0.36, 0.22, _PERSON), (panel.bouts, -0.1, 0.46, _PREDICTED))
        if person
        else ((panel.bouts, -0.34, 0.68, _PREDICTED),)
    )
    for bouts, top, height, colour in kinds:
        spans: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for bout in bouts:
            spans[bout.label].append((bout.start, bout.stop - bout.start))
        for row, name in enumerate(rows):
            # A line keeps bouts visible that are shorter than a pixel.
            axes.broken_barh(spans[name], (row + top, height), color=colour, linewidth=0.3)
    axes.set_yticks(range(len(rows)), [_brief(name) for name in rows], fontsize=8)
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    axes.set_xlim(0, longest)
    axes.axvspan(panel.seconds, longest, color=_FAINT, linewidth=0, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    axes.set_title(_brief(panel.name), fontsize=9, loc="left", color=_INK)
    axes.tick_params(colors=_INK, labelsize=8, length=2.5)
    axes.tick_params(axis="y", length=0)
    for row in range(1, len(rows)):
        axes.axhline(row - 0.5, color=_FAINT, linewidth=0.6, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if not rows:
        axes.text(0.5, 0.5, "no bout", transform=axes.transAxes, ha="center", fontsize=8)


def _brief(name: str) -> str:
    text = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    # Names of files may hold bytes that are not UTF-8.
    return text.encode(errors="replace").decode()


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if abs(seconds - whole) > 1e-6:
        return f"{seconds:g} s"
    hours, minutes = divmod(whole // _MINUTE, _MINUTE)
    text = f"{minutes:02d}:{whole % _MINUTE:02d}" if hours else f"{minutes}:{whole % _MINUTE:02d}"
    return f"{hours}:{text}" if hours else text
