"""Curves and final figures of a run, read from its json_stats.log.

A log may hold several passes over the same epochs: a resumed run repeats the epochs since its last
checkpoint, and a folder may be used twice. A line of an epoch therefore replaces earlier
lines of this epoch and of later epochs. The lines that led to the end of the run remain.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import slowfast.ak.metrics  # noqa: F401  registers the metrics
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figure_sets import line_of_set
from slowfast.ak.registries.metrics import (
    column_of,
    facts_of,
    figure_keys,
    metric_of,
    title_of,
)
from slowfast.utils.files.stats_line import first_number, read_line


def read_log(path: str | Path) -> dict:
    """Reads the curves and results of a run from its json_stats.log.

    Lines that cannot be read, such as a last line that was cut off, are ignored.

    Returns:
        ``train``: [{epoch, loss, lr}] and ``val``: [{epoch, map, map_head, ...}], ordered by epoch
        (the first is 1); ``best``: the best evaluation, see `best_of`; ``test``: the last test, see
        `test_figures`, or None. Figures are in per cent; None stands for a value that is missing or
        not finite.

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
        ``figures``: mAPs or accuracies in per cent; ``intervals``: [low, high] of the figures that
        have one; ``more``: further metrics, and ``metrics``: their names, explanations and units;
        ``best``: the evaluation whose weights were tested, see `best_of`. With several label sets,
        ``parts`` has the same of each set, by its name.
    """
    own = line_of_set("", stats)
    parts = {name: test_figures(line_of_set(name, stats)) for name in label_sets_in(stats)}
    intervals = {}
    for key, pair in own.items():
        if key.startswith("interval_") and isinstance(pair, Sequence) and len(pair) == 2:
            intervals[key.removeprefix("interval_")] = [_number(end) for end in pair]
    found = figures(own)
    more = [key for key in own if metric_of(key) and key not in found]
    return ({"parts": parts} if parts else {}) | {
        "figures": found,
        "intervals": intervals,
        "more": {key: _number(stats[key]) for key in more},
        "metrics": {key: description(key) for key in more},
        "best": best_of(stats),
    }


def best_of(stats: Mapping) -> dict[str, Any] | None:
    """Returns the best evaluation of a line; None if there is none.

    Returns:
        ``epoch``; the value of the figure that chose it, under the key of the figure, fractions in
        per cent; ``chosen_on``: the clips; and ``metric``: key, name and sign of the figure. Lines
        of earlier versions have no ``metric``: their figure is ``map``.
    """
    epoch, key = stats.get("best_epoch"), str(stats.get("best_metric", "map"))
    value = stats.get(f"best_{key}", stats.get("best_value"))
    value = _number(value if isinstance(value, int | float) else None)
    if not isinstance(epoch, int) or epoch < 1 or value is None:
        return None
    facts = facts_of(key)
    value = round(100 * value if facts.unit == "fraction" else value, 4)
    found = {"epoch": epoch, key: value, "chosen_on": str(stats.get("best_chosen_on", ""))}
    if "best_metric" in stats:
        found["metric"] = {"key": key, "name": title_of(key), "sign": facts.sign}
    return found


def figures(stats: Mapping, scale: float = 1) -> dict[str, float | None]:
    """Returns the figures of a line that have a column, multiplied by ``scale``.

    They are mAPs, or accuracies if the line has no mAP. Keys of label sets keep their set.
    """
    metrics = {key: _metric_of_figure(key) for key in sorted(stats)}
    labels: dict[str, set[str]] = {}
    for key in filter(metrics.get, metrics):
        labels.setdefault(_set_of(key), set()).add(facts_of(key).labels)
    found = {}
    for key in filter(metrics.get, metrics):
        is_own = facts_of(key).labels == "many" or "many" not in labels[_set_of(key)]
        if facts_of(key).column and is_own:
            value = _number(stats[key])
            found[key] = None if value is None else round(value * scale, 4)
    return found


def names_of(keys: Iterable[str]) -> dict[str, str]:
    """Returns the short names of figures with a column, in the order of tables: {map: Overall}."""
    order = figure_keys(True) + figure_keys(False)
    own = sorted(keys, key=lambda key: (_set_of(key), order.index(key.rpartition("/")[2])))
    names = {}
    for key in own:
        text = f"{_set_of(key)} {column_of(key)}".lstrip()
        names[key] = text[:1].upper() + text[1:]
    return names


def quantity_of(keys: Iterable[str]) -> str:
    """Returns what figures with a column are, mAP or accuracy; of no figure: mAP."""
    return next((facts_of(key).quantity for key in keys), "mAP")


def description(key: str) -> dict[str, str]:
    """Returns the name, the explanation and the unit sign of a figure without a column."""
    facts, own_key = facts_of(key), key.rpartition("/")[2]
    segment = "" if own_key == metric_of(key) else column_of(key)
    explanation = ", ".join(part for part in (facts.explanation, segment, _set_of(key)) if part)
    return {
        "name": facts.heading or facts.title or own_key,
        "explanation": explanation,
        "sign": facts.sign,
    }


def label_sets_in(keys: Iterable[str]) -> list[str]:
    """Returns the label sets to which keys of figures belong, in the order of the keys."""
    sets = dict.fromkeys(_set_of(key) for key in keys if _metric_of_figure(key))
    return [name for name in sets if name]


def _metric_of_figure(key: str) -> str | None:
    """The metric of a figure; None for other entries, such as the interval of a figure."""
    return None if key.startswith("interval_") else metric_of(key)


def _set_of(key: str) -> str:
    return key.rpartition("/")[0]


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
