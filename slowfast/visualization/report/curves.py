"""Curves and final figures of a run, read from its json_stats.log.

A log may hold several passes over the same epochs: a resumed run repeats the epochs since its last
checkpoint, and a folder may be used twice. A line of an epoch therefore replaces earlier
lines of this epoch and of later epochs. The lines that led to the end of the run remain.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import slowfast.ak.metrics  # noqa: F401  registers the metrics
from slowfast.ak.errors import UserError
from slowfast.ak.registries.metrics import METRICS, metric_of
from slowfast.utils.files.stats_line import first_number, read_line


def read_log(path: str | Path) -> dict:
    """Reads the curves and results of a run from its json_stats.log.

    Lines that cannot be read, such as a last line that was cut off, are ignored.

    Returns:
        ``train``: [{epoch, loss, lr}] and ``val``: [{epoch, map, map_head, ...}], ordered by epoch
        (the first is 1); ``best``: the best evaluation, see `best_of`; ``test``: the last test, see
        `test_figures`, or None. mAP is in per cent; None stands for a value that is missing or not
        finite.

    Raises:
        UserError: the file cannot be read.
    """
    train: dict[int, dict] = {}
    val: dict[int, dict] = {}
    best = test = None
    for line in _lines(Path(path)):
        kind = line.get("_type")
        if line.get("split") == "test_final":
            test = test_figures(line)
        elif kind in ("train_epoch", "val_epoch") and (epoch := first_number(line.get("epoch"))):
            for known in (train, val) if kind == "train_epoch" else (val,):
                for later in [number for number in known if number >= epoch]:
                    del known[later]
            if kind == "train_epoch":
                train[epoch] = {"epoch": epoch} | {k: _number(line.get(k)) for k in ("loss", "lr")}
            else:
                val[epoch] = {"epoch": epoch} | figures(line, scale=100)
                best = best_of(line)
    found = {"train": list(train.values()), "val": list(val.values())}
    return found | {"best": best if val else None, "test": test}


def test_figures(stats: Mapping) -> dict[str, Any]:
    """Returns the figures in the json_stats line of a test.

    Returns:
        ``figures``: mAPs in per cent; ``intervals``: [low, high] of the mAPs that have one;
        ``more``: further metrics, and ``metrics``: their names, explanations and units; ``best``:
        the evaluation whose weights were tested, see `best_of`.
    """
    intervals = {}
    for key, pair in stats.items():
        if key.startswith("interval_") and isinstance(pair, Sequence) and len(pair) == 2:
            intervals[key.removeprefix("interval_")] = [_number(end) for end in pair]
    more = [key for key in stats if _is_many(key) and not METRICS.facts(metric_of(key)).column]
    return {
        "figures": figures(stats),
        "intervals": intervals,
        "more": {key: _number(stats[key]) for key in more},
        "metrics": {key: description(key) for key in more},
        "best": best_of(stats),
    }


def best_of(stats: Mapping) -> dict[str, Any] | None:
    """Returns epoch, mAP (per cent) and clips of the best evaluation; None if there is none."""
    epoch, value = stats.get("best_epoch"), _number(stats.get("best_map"))
    if not isinstance(epoch, int) or epoch < 1 or value is None:
        return None
    chosen_on = str(stats.get("best_chosen_on", ""))
    return {"epoch": epoch, "map": round(100 * value, 4), "chosen_on": chosen_on}


def figures(stats: Mapping, scale: float = 1) -> dict[str, float | None]:
    """Returns the mAPs of a line (the metrics with a column), multiplied by ``scale``."""
    found = {}
    for key in sorted(stats):
        if _is_many(key) and METRICS.facts(metric_of(key)).column:
            value = _number(stats[key])
            found[key] = None if value is None else round(value * scale, 4)
    return found


def _is_many(key: str) -> bool:
    """Whether a key belongs to a metric of many labels."""
    name = metric_of(key)
    return name is not None and METRICS.facts(name).labels == "many"


def description(key: str) -> dict[str, str]:
    name = metric_of(key)
    facts = METRICS.facts(name)
    segment = "" if key == name else key.removeprefix(f"{name}_")
    explanation = ", ".join(part for part in (facts.explanation, segment) if part)
    return {
        "name": facts.heading or facts.title or key,
        "explanation": explanation,
        "sign": facts.sign,
    }


def _lines(path: Path) -> Iterator[dict]:
    try:
        with path.open("rb") as file:
            yield from map(read_line, file)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


def _number(value: object) -> float | None:
    """Returns a finite number, also from a text such as "75.27"; else None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
