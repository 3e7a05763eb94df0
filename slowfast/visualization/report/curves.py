"""Curves and final figures of a run, from its json_stats.log.

Notable: a log may hold more than one way through the epochs. A run that is taken up again repeats
the epochs since its last checkpoint, and a folder may be used twice. So a line of an epoch ends
what stood there of this epoch and of later ones: what remains is the way that led to the end.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from slowfast.ak.errors import UserError

_PREFIX = "json_stats: "


def read_log(path: str | Path) -> dict:
    """What a json_stats.log says of its run.

    Lines that cannot be read, such as a last one that was cut off, are passed over.

    Returns:
        ``train``: [{epoch, loss, lr}], ``val``: [{epoch, map, map_head, ...}], ordered by epoch
        (1 is the first); ``test``: the figures of the last test, or None. mAP is in per cent;
        what is missing or not a number is None.

    Raises:
        UserError: the file cannot be read.
    """
    train: dict[int, dict] = {}
    val: dict[int, dict] = {}
    test = None
    for line in _lines(Path(path)):
        kind = line.get("_type")
        if line.get("split") == "test_final":
            test = figures(line)
        elif kind in ("train_epoch", "val_epoch") and (epoch := _epoch(line)):
            for known in (train, val) if kind == "train_epoch" else (val,):
                for later in [number for number in known if number >= epoch]:
                    del known[later]
            if kind == "train_epoch":
                train[epoch] = {"epoch": epoch} | {k: _number(line.get(k)) for k in ("loss", "lr")}
            else:
                val[epoch] = {"epoch": epoch} | figures(line, scale=100)
    return {"train": list(train.values()), "val": list(val.values()), "test": test}


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
