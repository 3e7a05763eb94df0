"""json_stats.log of a run that is taken up again: what it will log anew is forgotten first.

Notable: an epoch's figures then stand there once, as in the log of a run that was never stopped.
Where a run begins in the folder of another, or of its own start that ended before anything was
saved, the log that is there is set aside.
"""

import json
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils import distributed
from slowfast.utils.atomic import replacing, set_aside

FILE = "json_stats.log"
PREFIX = "json_stats: "

_OF_TRAINING = ("train_iter_", "train_epoch", "val_iter", "val_epoch")


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


def begin(folder: str | Path) -> None:
    """Sets a log that tells of training aside, as json_stats_1.log and so on, for a run that begins
    in its folder. The first process does; the others return.

    Raises:
        UserError: it cannot be renamed.
    """
    path = Path(folder, FILE)
    if not (distributed.is_master_proc() and path.is_file()):
        return
    with path.open("rb") as lines:
        tells = any(_figures(line).get("_type") in _OF_TRAINING for line in lines)
    if tells:
        try:
            set_aside(path)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be renamed ({error.strerror}); name another OUTPUT_DIR."
            ) from None


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
