"""The table at the end of a test: figures, intervals, chance level, and the files written.

For figures of classes it fits in 90 columns with three segments, and says how segments are defined,
which classes have no test clip, and on which clips the weights were chosen. Each label set has its
own part. A task with other figures gets one row per figure.
"""

from pathlib import Path
from textwrap import wrap

from fvcore.common.config import CfgNode

from slowfast.ak.classes.label_sets import of_set
from slowfast.ak.classes.table import SEGMENTS, ClassTable
from slowfast.ak.metrics.figure_sets import sets_of
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.registries.metrics import METRICS, column_of, facts_of
from slowfast.checkpoints.best import Best
from slowfast.results.files import Outcome
from slowfast.results.per_class import ClassResult
from slowfast.utils import logging
from slowfast.utils.files.stats_line import FILE

logger = logging.get_logger(__name__)

_MOST_NAMES = 15  # of classes without a test clip, and of clips that could not be read
_WIDTH = 100


def log_table(cfg: CfgNode, outcomes: list[Outcome]) -> None:
    """Logs the table of a test with one or several numbers of views."""
    first = outcomes[0]
    lines = ["", f"Results of {cfg.MODEL.MODEL_NAME}, weights {first.weights.initialisation}"]
    if best := first.weights.extra.get("best"):
        lines += _wrapped(f"Weights of the best evaluation: {Best(**best)}.")
    sets = sets_of(first.figures)
    for name in sets:
        own = [_Part(each, name) for each in outcomes]
        lines += ["", name] if len(sets) > 1 else []
        lines += _columns(own)
        lines += _rows_of_further_metrics(own)
    if not sets:
        lines += _rows_of_figures(outcomes)
    lines += _unread_clips(first)
    lines += ["", "Written:"]
    paths = _paths(cfg, outcomes)
    width = max(12, *(len(name) + 2 for name, _ in paths))
    lines += [f"  {name:<{width}}{path}" for name, path in paths]
    logger.info("\n".join(lines))


class _Part:
    """The part of a test that belongs to a label set."""

    def __init__(self, outcome: Outcome, name: str) -> None:
        self.views: str = outcome.views
        self.figures: Figures = sets_of(outcome.figures)[name]
        self.classes: ClassTable | None = of_set(outcome.classes, name)
        self.per_class: list[ClassResult] = outcome.per_class[name]

    def text(self, key: str) -> str | None:
        return facts_of(key).text(self.figures.values[key])

    def interval(self, key: str) -> str | None:
        ends = self.figures.interval_texts(key)
        return "-".join(f"{float(end):.1f}" for end in ends) if ends else None


def _rows_of_figures(outcomes: list[Outcome]) -> list[str]:
    """The table of a task with figures of its own: a row each."""
    texts = [outcome.figures.test_line() for outcome in outcomes]
    heads = [outcome.views.removesuffix(" views") for outcome in outcomes]
    return _table(heads, [(key, [each[key] for each in texts]) for key in texts[0]])


def _columns(parts: list[_Part]) -> list[str]:
    """The first table: metrics with a column, in rows the numbers of views."""
    first = parts[0]
    keys = first.figures.columns
    rows = []
    for part in parts:
        rows.append((part.views, [part.text(key) for key in keys]))
        if part.figures.intervals:
            rows.append(("  95 % interval", [part.interval(key) for key in keys]))
    if chance := first.figures.chance:
        texts = [facts_of(key).text(chance[key]) for key in keys]
        rows.append(("random scores", texts))
    lines = _table([column_of(key) for key in keys], rows, f"{first.figures.quantity} in %")
    return lines + _remarks(first)


def _remarks(part: _Part) -> list[str]:
    figures, lines = part.figures, []
    if figures.intervals:
        lines.append(
            f"Intervals: over {figures.resamples} resamples of the {len(figures.targets)} test "
            "clips."
        )
    if figures.many_labels:
        lines.append(
            "Micro pools all classes; head classes dominate it, and it cannot be compared with an "
            "mAP."
        )
    else:
        lines.append("Macro, head, middle and tail are means over classes of top-1 accuracies.")
    accuracies = any(facts_of(key).labels == "one each" for key in figures.values)
    if accuracies and not figures.have_one_each:
        lines.append(
            f"Accuracies: over the {len(figures.ranks.classes)} of {len(figures.targets)} clips "
            "that carry exactly one class."
        )
    if part.classes:
        lines.append(f"Segments: {part.classes.source}; {_tested_classes(part.per_class)}.")
    if missing := [row.name for row in part.per_class if not row.test_count]:
        lines.append(f"Classes without a test clip, which are in no mean {_listed(missing)}")
    return [words for line in lines for words in _wrapped(line)]


def _rows_of_further_metrics(parts: list[_Part]) -> list[str]:
    """The second table: metrics without a column in the first one, a row each."""
    rows, notes = [], {}
    figures = parts[0].figures
    for key in figures.values:
        facts = facts_of(key)
        if key in figures.columns:
            continue
        title = facts.title if key in METRICS else f"{facts.title}, {column_of(key)}"
        if facts.note:
            title += " *"
            notes[f"* {facts.note}"] = None
        rows.append((title or key, [part.text(key) for part in parts]))
    if not rows:
        return []
    heads = [part.views.removesuffix(" views") for part in parts]
    return ["", *_table(heads, rows, "More, in %"), *notes]


def _unread_clips(outcome: Outcome) -> list[str]:
    """The clips that the figures leave out, or include in part."""
    lines = []
    if outcome.missing:
        lines.append(
            "Clips that could not be read, and are in no figure and no file "
            f"{_listed(list(outcome.missing))}"
        )
    if outcome.incomplete:
        lines.append(
            f"Clips scored from a part of their frames {_listed(list(outcome.incomplete))}"
        )
    return [part for line in lines for part in _wrapped(line)]


def _listed(names: list[str]) -> str:
    """The number of names and the first of them: "(3): a, b, c."."""
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return f"({len(names)}): {', '.join(names[:_MOST_NAMES])}{more}."


def _tested_classes(per_class: list[ClassResult]) -> str:
    """The number of tested classes by segment: "17 of 17 head, ... classes have test clips"."""
    parts = []
    for segment in SEGMENTS:
        tested = [row.test_count > 0 for row in per_class if row.segment == segment]
        if tested:
            parts.append(f"{sum(tested)} of {len(tested)} {segment}")
    return f"{', '.join(parts)} classes have test clips"


def _wrapped(line: str) -> list[str]:
    return wrap(line, _WIDTH, subsequent_indent="  ") if len(line) > _WIDTH else [line]


def _table(heads: list[str], rows: list[tuple[str, list]], title: str = "") -> list[str]:
    """Lines of a table; None prints as "-"."""
    width = max(len(title), *(len(name) for name, _ in rows)) + 2
    lines = [f"{title:<{width}}" + "".join(f"{head:>12}" for head in heads)]
    lines.append("-" * len(lines[0]))
    for name, values in rows:
        cells = ("-" if value is None else value for value in values)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>12}" for cell in cells))
    return lines


def _paths(cfg: CfgNode, outcomes: list[Outcome]) -> list[tuple[str, Path | str]]:
    output = Path(cfg.OUTPUT_DIR)
    paths: list[tuple[str, Path | str]] = [
        ("checkpoint", outcomes[0].weights.path or "none: the weights are random"),
        ("log", output / "stdout.log"),
        ("figures", output / FILE),
    ]
    return paths + [item for outcome in outcomes for item in outcome.files.items()]
