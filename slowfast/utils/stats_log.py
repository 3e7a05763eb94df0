"""json_stats.log of a run that is taken up again: what it will log anew is forgotten first.

Notable: an epoch's figures then stand there once, as in the log of a run that was never stopped.
"""

import json
from pathlib import Path
from typing import Any

from slowfast.utils import distributed
from slowfast.utils.atomic import replacing

FILE = "json_stats.log"
PREFIX = "json_stats: "


def forget_after(folder: str | Path, epoch: int, iteration: int, evaluated: int) -> None:
    """Drops the lines of what lies after a moment, and a last line that was cut off. The first
    process writes; the others return.

    Lines that tell no epoch, such as a test's, stay.

    Args:
        folder: OUTPUT_DIR.
        epoch: the one that is gone on with, 0-based: so many are finished.
        iteration: steps done in it.
        evaluated: the last epoch that was evaluated, counted from 1; 0: none.

    Raises:
        UserError: the log cannot be written. It is what it was then.
    """
    path = Path(folder, FILE)
    if not (distributed.is_master_proc() and path.is_file()):
        return
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        last = lines.pop()
        lines += [last + b"\n"] if _figures(last) else []
    kept = [line for line in lines if _lies_before(_figures(line), epoch, iteration, evaluated)]
    if (after := b"".join(kept)) != before:
        with replacing(path) as file:
            file.write(after)


def _figures(line: bytes) -> dict[str, Any]:
    """What a line tells; nothing where it cannot be read."""
    try:
        return dict(json.loads(line.decode().strip().removeprefix(PREFIX)))
    except (ValueError, TypeError):
        return {}


def _lies_before(figures: dict[str, Any], epoch: int, iteration: int, evaluated: int) -> bool:
    kind, its_epoch = str(figures.get("_type")), _first_number(figures.get("epoch"))
    if kind == "train_iter_":
        return (its_epoch - 1, _first_number(figures.get("iter"))) <= (epoch, iteration)
    if kind == "train_epoch":
        return its_epoch <= epoch
    if kind in ("val_iter", "val_epoch"):
        return its_epoch <= min(epoch, evaluated)
    return True


def _first_number(share: Any) -> int:
    """3 of "3/200"; 0 of anything else."""
    number = str(share).partition("/")[0]
    return int(number) if number.isdecimal() else 0
