"""The closing table of a test: what was reached, how sure it is, beside chance, and where it lies.

Notable: it fits in 80 columns with three segments, and says what a reader of the figures must know:
which definition the segments have, which classes no test clip shows, and on which clips the weights
were chosen.
"""

from pathlib import Path
from textwrap import wrap

from fvcore.common.config import CfgNode

from slowfast.ak.classes.table import SEGMENTS
from slowfast.ak.metrics.average_precision import chance_figures, per_cent
from slowfast.checkpoints.best import Best
from slowfast.results.files import Outcome
from slowfast.results.per_class import ClassResult
from slowfast.utils import logging

logger = logging.get_logger(__name__)

_NAMED = 15  # classes without a test clip, clips that could not be read
_WIDTH = 100
_MORE = {
    "f1_macro": "F1 macro, threshold 0.5",
    "f1_micro": "F1 micro, threshold 0.5",
    "best_f1_macro": "F1 macro, best thresholds *",
    "best_f1_micro": "F1 micro, best threshold *",
    "roc_auc": "area under ROC curve, macro",
    "calibration_error_macro": "calibration error, macro",
    "calibration_error_micro": "calibration error, micro",
    "coverage": "coverage, in classes",
}


def report(cfg: CfgNode, outcomes: list[Outcome]) -> None:
    """Logs the closing table of a test, of one or several numbers of views."""
    first = outcomes[0]
    lines = ["", f"Results of {cfg.MODEL.MODEL_NAME}, weights {first.weights.initialisation}"]
    if best := first.weights.extra.get("best"):
        lines += _wrap(f"Weights of the best evaluation: {Best(**best)}.")
    if cfg.DATA.MULTI_LABEL:
        lines += _many_labels(cfg, outcomes)
    else:
        rows = [(o.views, [o.stats["top1_acc"], o.stats["top5_acc"]]) for o in outcomes]
        lines += _rows(["top-1 %", "top-5 %"], rows)
    lines += _unread(first)
    lines += ["", "Written:"]
    lines += [f"  {name:<12}{path}" for name, path in _paths(cfg, outcomes)]
    logger.info("\n".join(lines))


def _many_labels(cfg: CfgNode, outcomes: list[Outcome]) -> list[str]:
    first = outcomes[0]
    positives = [row.test_count for row in first.per_class]
    segments = [row.segment for row in first.per_class]
    chance = chance_figures(positives, len(first.scores), segments)
    rows = []
    for outcome in outcomes:
        rows.append((outcome.views, [outcome.stats.get(key) for key in chance]))
        if cfg.TEST.BOOTSTRAP:
            rows.append(("  95 % interval", [_interval(outcome, key) for key in chance]))
    rows.append(("random scores", [per_cent(value) for value in chance.values()]))
    heads = [key.replace("map_", "").replace("map", "overall") for key in chance]
    lines = _rows(heads, rows, title="mAP in %")
    if cfg.TEST.BOOTSTRAP:
        lines.append(
            f"Intervals: over {cfg.TEST.BOOTSTRAP} resamples of the {len(first.scores)} test clips."
        )
    lines.append("Micro pools all classes; the head rules it, and it is no match for an mAP.")
    if first.classes:
        lines.append(f"Segments: {first.classes.source}; {_support(first.per_class)}.")
    if missing := [row.name for row in first.per_class if not row.test_count]:
        lines.append(f"Classes without a test clip, which are in no mean {_named(missing)}")
    lines = [wrapped for line in lines for wrapped in _wrap(line)]
    if cfg.TEST.MORE_METRICS:
        rows = [(name, [o.stats[key] for o in outcomes]) for key, name in _MORE.items()]
        heads = [o.views.removesuffix(" views") for o in outcomes]
        lines += ["", *_rows(heads, rows, title="More, in %")]
        lines.append("* found on these very clips, and so optimistic")
    return lines


def _unread(outcome: Outcome) -> list[str]:
    """Which clips the figures are not of, or not wholly."""
    lines = []
    if outcome.missing:
        lines.append(
            "Clips that could not be read, and are in no figure and no file "
            f"{_named(list(outcome.missing))}"
        )
    if outcome.incomplete:
        lines.append(f"Clips scored from a part of their frames {_named(list(outcome.incomplete))}")
    return [wrapped for line in lines for wrapped in _wrap(line)]


def _named(names: list[str]) -> str:
    """Their number and the first of them: "(3): a, b, c."."""
    more = ", ..." if len(names) > _NAMED else ""
    return f"({len(names)}): {', '.join(names[:_NAMED])}{more}."


def _support(per_class: list[ClassResult]) -> str:
    """How many classes of each segment count: "17 of 17 head, ... have test clips"."""
    parts = []
    for segment in SEGMENTS:
        tested = [row.test_count > 0 for row in per_class if row.segment == segment]
        if tested:
            parts.append(f"{sum(tested)} of {len(tested)} {segment}")
    return f"{', '.join(parts)} classes have test clips"


def _interval(outcome: Outcome, key: str) -> str | None:
    pair = outcome.stats.get(f"interval_{key}")
    return "-".join(f"{float(value):.1f}" for value in pair) if pair else None


def _wrap(line: str) -> list[str]:
    """Long lines of words in several; what fits, and tables, as they are."""
    return wrap(line, _WIDTH, subsequent_indent="  ") if len(line) > _WIDTH else [line]


def _rows(heads: list[str], rows: list[tuple[str, list]], title: str = "") -> list[str]:
    width = max(len(title), *(len(name) for name, _ in rows)) + 2
    lines = [f"{title:<{width}}" + "".join(f"{head:>12}" for head in heads)]
    lines.append("-" * len(lines[0]))
    for name, values in rows:
        cells = ("-" if value is None else str(value) for value in values)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>12}" for cell in cells))
    return lines


def _paths(cfg: CfgNode, outcomes: list[Outcome]) -> list[tuple[str, Path | str]]:
    output = Path(cfg.OUTPUT_DIR)
    paths: list[tuple[str, Path | str]] = [
        ("checkpoint", outcomes[0].weights.path or "none: the weights are random"),
        ("log", output / "stdout.log"),
        ("figures", output / "json_stats.log"),
    ]
    return paths + [item for outcome in outcomes for item in outcome.files.items()]
