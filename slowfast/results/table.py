"""The table at the end of a test: figures, intervals, chance level, and the files written.

For figures of classes it fits in 80 columns with three segments, and says how segments are defined,
which classes have no test clip, and on which clips the weights were chosen. A task with other
figures gets one row per figure.
"""

from pathlib import Path
from textwrap import wrap

from fvcore.common.config import CfgNode

from slowfast.ak.classes.table import SEGMENTS
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.registries.metrics import METRICS, column_of, metric_of
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
    if isinstance(first.figures, Figures):
        lines += _columns(outcomes)
        lines += _rows_of_further_metrics(outcomes)
    else:
        lines += _rows_of_figures(outcomes)
    lines += _unread_clips(first)
    lines += ["", "Written:"]
    lines += [f"  {name:<12}{path}" for name, path in _paths(cfg, outcomes)]
    logger.info("\n".join(lines))


def _rows_of_figures(outcomes: list[Outcome]) -> list[str]:
    """The table of a task with figures of its own: a row each."""
    texts = [outcome.figures.test_line() for outcome in outcomes]
    heads = [outcome.views.removesuffix(" views") for outcome in outcomes]
    return _table(heads, [(key, [each[key] for each in texts]) for key in texts[0]])


def _columns(outcomes: list[Outcome]) -> list[str]:
    """The first table: metrics with a column, in rows the numbers of views."""
    first = outcomes[0]
    keys = [key for key in first.figures.values if METRICS.facts(metric_of(key)).column]
    rows = []
    for outcome in outcomes:
        rows.append((outcome.views, [_text(outcome, key) for key in keys]))
        if outcome.figures.intervals:
            rows.append(("  95 % interval", [_interval(outcome, key) for key in keys]))
    if chance := first.figures.chance:
        texts = [METRICS.facts(metric_of(key)).text(chance[key]) for key in keys]
        rows.append(("random scores", texts))
    many_labels = first.figures.many_labels
    lines = _table([column_of(key) for key in keys], rows, "mAP in %" if many_labels else "")
    return lines + (_remarks(first) if many_labels else [])


def _remarks(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.figures.intervals:
        lines.append(
            f"Intervals: over {outcome.figures.resamples} resamples of the {len(outcome.scores)} "
            "test clips."
        )
    lines.append(
        "Micro pools all classes; head classes dominate it, and it cannot be compared with an mAP."
    )
    if outcome.classes:
        lines.append(f"Segments: {outcome.classes.source}; {_tested_classes(outcome.per_class)}.")
    if missing := [row.name for row in outcome.per_class if not row.test_count]:
        lines.append(f"Classes without a test clip, which are in no mean {_listed(missing)}")
    return [part for line in lines for part in _wrapped(line)]


def _rows_of_further_metrics(outcomes: list[Outcome]) -> list[str]:
    """The second table: metrics without a column, a row each."""
    rows, notes = [], {}
    for key in outcomes[0].figures.values:
        facts = METRICS.facts(metric_of(key))
        if facts.column:
            continue
        title = facts.title if key in METRICS else f"{facts.title}, {column_of(key)}"
        if facts.note:
            title += " *"
            notes[f"* {facts.note}"] = None
        rows.append((title or key, [_text(outcome, key) for outcome in outcomes]))
    if not rows:
        return []
    heads = [outcome.views.removesuffix(" views") for outcome in outcomes]
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


def _text(outcome: Outcome, key: str) -> str | None:
    return METRICS.facts(metric_of(key)).text(outcome.figures.values[key])


def _interval(outcome: Outcome, key: str) -> str | None:
    ends = outcome.figures.interval_texts(key)
    return "-".join(f"{float(end):.1f}" for end in ends) if ends else None


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
