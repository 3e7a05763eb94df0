"""Logging: messages to the terminal and ``stdout.log``, figures to ``json_stats.log``.

Lines go to the terminal through tqdm, so that they do not break a progress bar. Figures are left
out there, because the bar shows them. Only the first process logs.
"""

import logging
import math
import sys
from decimal import Decimal
from pathlib import Path

import simplejson
from tqdm import tqdm

from slowfast.ak.errors import UserError
from slowfast.utils import distributed
from slowfast.utils.files import stats_line
from slowfast.utils.files.atomic import cannot_be_written

_COLOURS = {logging.WARNING: "\033[33m", logging.ERROR: "\033[31m", logging.CRITICAL: "\033[31m"}
_output_dir: Path | None = None


class _TerminalHandler(logging.Handler):
    """Prints above a progress bar, if one is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        on_terminal = sys.stdout.isatty()
        if on_terminal and getattr(record, "is_figures", False):
            return
        try:
            text = self.format(record)
            if on_terminal and record.levelno in _COLOURS:
                text = f"{_COLOURS[record.levelno]}{text}\033[0m"
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
        except Exception:
            self.handleError(record)


class _TerminalFormatter(logging.Formatter):
    """Formats time and message, and the level if it is above INFO."""

    def format(self, record: logging.LogRecord) -> str:
        label = f"{record.levelname}: " if record.levelno > logging.INFO else ""
        return f"{self.formatTime(record, '%H:%M:%S')}  {label}{super().format(record)}"


def setup_logging(output_dir: str | Path | None = None) -> None:
    """Sends records to the terminal and, with a folder, to its ``stdout.log``.

    A second call replaces the first, so that several runs in one process each have their own log.
    ``stdout.log`` is appended to, and also gets the debug records of this project.

    Args:
        output_dir: OUTPUT_DIR ("" is the working directory); None: the terminal only.

    Raises:
        UserError: the folder cannot be written.
    """
    global _output_dir
    root = logging.getLogger()
    for handler in [h for h in root.handlers if getattr(h, "of_this_project", False)]:
        root.removeHandler(handler)
        handler.close()
    _output_dir = None
    if not distributed.is_master_proc():
        _add(root, logging.NullHandler())
        return
    root.setLevel(logging.INFO)
    logging.getLogger("slowfast").setLevel(logging.DEBUG)
    terminal = _TerminalHandler(logging.INFO)
    terminal.setFormatter(_TerminalFormatter())
    _add(root, terminal)
    if output_dir is not None:
        _add(root, _open_log(Path(output_dir)))
        _output_dir = Path(output_dir)


def label_early_warnings() -> None:
    """Lets warnings begin with their level before logging is set up, as they do afterwards."""
    logging.lastResort.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))


def silence() -> None:
    """Suppresses the messages of this process before logging is set up."""
    _add(logging.getLogger(), logging.NullHandler())


def _add(root: logging.Logger, handler: logging.Handler) -> None:
    handler.of_this_project = True
    root.addHandler(handler)


def _open_log(folder: Path) -> logging.FileHandler:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(
            folder / "stdout.log", encoding="utf-8", errors="surrogateescape"
        )
    except OSError as error:
        raise UserError(
            f"OUTPUT_DIR: {folder} cannot be written ({error.strerror}). Name another folder."
        ) from None
    file.setFormatter(
        logging.Formatter(
            "[%(asctime)s][%(levelname)s] %(name)s:%(lineno)d: %(message)s", "%Y-%m-%d %H:%M:%S"
        )
    )
    return file


def get_logger(name: str) -> logging.Logger:
    """Returns the logger of a module, named by its ``__name__``."""
    return logging.getLogger(name)


def log_json_stats(stats: dict, output_dir: str | Path | None = None) -> None:
    """Logs figures as one line ``json_stats: {...}`` and appends it to ``json_stats.log``.

    Keys are sorted, and floats have five decimals. A float that is not finite becomes null.

    Args:
        stats: plain values by name.
        output_dir: the folder of ``json_stats.log``; None: the folder of ``stdout.log``.

    Raises:
        UserError: the file cannot be written.
    """
    if not distributed.is_master_proc():
        return
    plain = {key: _five_decimals(value) for key, value in stats.items()}
    line = f"{stats_line.PREFIX}{simplejson.dumps(plain, sort_keys=True, use_decimal=True)}"
    # stacklevel: the line in stdout.log then names the caller.
    get_logger(__name__).info(line, extra={"is_figures": True}, stacklevel=2)
    folder = Path(output_dir) if output_dir else _output_dir
    if folder:
        _append(folder / stats_line.FILE, line + "\n")


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise cannot_be_written(path, error) from None


def _five_decimals(value: object) -> object:
    if not isinstance(value, float):
        return value
    return Decimal(f"{value:.5f}") if math.isfinite(value) else None
