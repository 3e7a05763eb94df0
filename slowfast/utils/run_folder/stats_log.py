"""json_stats.log of a resumed run: lines that the run will log again are removed.

Each epoch's figures then appear once, as in the log of a run without interruption. If a new run
starts in a folder with an old log, the old log is renamed.
"""

from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils import distributed
from slowfast.utils.files import atomic
from slowfast.utils.files.stats_line import FILE, first_number, read_line

_TRAINING_TYPES = ("train_iter_", "train_epoch", "val_iter", "val_epoch")


def remove_lines_after(folder: str | Path, epoch: int, iteration: int, evaluated: int) -> None:
    """Removes the lines after a point of the run, and a last line that was cut off.

    Lines without an epoch, such as the lines of a test, stay. Only the first process writes.

    Args:
        folder: OUTPUT_DIR.
        epoch: the epoch in which the run continues, from 0.
        iteration: number of iterations done in this epoch.
        evaluated: the last evaluated epoch, from 1; 0 if none was evaluated.

    Raises:
        UserError: the log cannot be written. It is unchanged then.
    """
    path = Path(folder, FILE)
    if not (distributed.is_master_proc() and path.is_file()):
        return
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        last = lines.pop()
        lines += [last + b"\n"] if read_line(last) else []
    kept = [line for line in lines if _is_before(read_line(line), epoch, iteration, evaluated)]
    if (after := b"".join(kept)) != before:
        atomic.write(path, after)


def set_aside_old_log(folder: str | Path) -> None:
    """Renames a log with lines of training to json_stats_1.log and so on, before a new run.

    Only the first process does so.

    Raises:
        UserError: the log cannot be renamed.
    """
    path = Path(folder, FILE)
    if not (distributed.is_master_proc() and path.is_file()):
        return
    with path.open("rb") as lines:
        has_training = any(read_line(line).get("_type") in _TRAINING_TYPES for line in lines)
    if has_training:
        try:
            atomic.set_aside(path)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be renamed ({error.strerror}); name another OUTPUT_DIR."
            ) from None


def _is_before(figures: dict[str, Any], epoch: int, iteration: int, evaluated: int) -> bool:
    kind, its_epoch = str(figures.get("_type")), first_number(figures.get("epoch"))
    if kind == "train_iter_":
        return (its_epoch - 1, first_number(figures.get("iter"))) <= (epoch, iteration)
    if kind == "train_epoch":
        return its_epoch <= epoch
    if kind in ("val_iter", "val_epoch"):
        return its_epoch <= min(epoch, evaluated)
    return True
