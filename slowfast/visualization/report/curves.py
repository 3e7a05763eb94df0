"""Curves and final figures of a run, from its json_stats.log.

Notable: a log may hold more than one way through the epochs. A run that is taken up again repeats
the epochs since its last checkpoint, and a folder may be used twice. So a line of an epoch ends
what stood there of this epoch and of later ones: what remains is the way that led to the end.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError

_PREFIX = "json_stats: "
# What a test may tell beside its mAPs: in per cent, but coverage, which counts classes.
_MORE = (
    *("f1_macro", "f1_micro", "best_f1_macro", "best_f1_micro", "roc_auc"),
    *("calibration_error_macro", "calibration_error_micro", "coverage"),
)


def read_log(path: str | Path) -> dict:
    """What a json_stats.log says of its run.

    Lines that cannot be read, such as a last one that was cut off, are passed over.

    Returns:
        ``train``: [{epoch, loss, lr}], ``val``: [{epoch, map, map_head, ...}], ordered by epoch
        (1 is the first); ``best``: the best evaluation as `best_of` gives it; ``test``: what
        `test_figures` gives of the last test, or None. mAP is in per cent; what is missing or not
        a number is None.

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
        elif kind in ("train_epoch", "val_epoch") and (epoch := _epoch(line)):
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
    """What a test's line tells, all in per cent.

    Returns:
        ``figures``: its mAPs; ``intervals``: [low, high] of each that has them; ``more``: F1 and
        the like, where they were asked for; ``best``: where the best evaluation was tested, which.
    """
    intervals = {}
    for key, pair in stats.items():
        if key.startswith("interval_") and isinstance(pair, Sequence) and len(pair) == 2:
            intervals[key.removeprefix("interval_")] = [_number(end) for end in pair]
    more = {key: _number(stats[key]) for key in _MORE if key in stats}
    return {
        "figures": figures(stats),
        "intervals": intervals,
        "more": more,
        "best": best_of(stats),
    }


def best_of(stats: Mapping) -> dict[str, Any] | None:
    """Epoch, mAP (per cent) and choice of the best evaluation, where a line names one."""
    epoch, value = stats.get("best_epoch"), _number(stats.get("best_map"))
    if not isinstance(epoch, int) or epoch < 1 or value is None:
        return None
    chosen_on = str(stats.get("best_chosen_on", ""))
    return {"epoch": epoch, "map": round(100 * value, 4), "chosen_on": chosen_on}


def figures(stats: Mapping, scale: float = 1) -> dict[str, float | None]:
    """The mAPs of a line of statistics, times ``scale``: all keys that begin with ``map``."""
    found = {}
    for key in sorted(key for key in stats if key == "map" or key.startswith("map_")):
        value = _number(stats[key])
        found[key] = None if value is None else round(value * scale, 4)
    return found


def _lines(path: Path) -> Iterator[dict]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    line = json.loads(text.strip().removeprefix(_PREFIX))
                except ValueError:
                    continue
                if isinstance(line, dict):
                    yield line
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


def _epoch(line: Mapping) -> int | None:
    """The number in "3/200"; None for anything else."""
    number = str(line.get("epoch")).partition("/")[0]
    return int(number) if number.isdecimal() else None


def _number(value: object) -> float | None:
    """A finite number, also from a text such as "75.27"; else None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
