"""A progress bar on a terminal; nothing where output goes to a file."""

import sys

from tqdm import tqdm

from slowfast.utils import distributed


def progress_bar(total: int, label: str, unit: str = "batch", done: int = 0) -> tqdm:
    """A bar of ``total`` steps that disappears when all are done, drawn by the master alone.

    Args:
        done: steps that were made before.
    """
    quiet = not (sys.stderr.isatty() and distributed.is_master_proc())
    return tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=unit,
        leave=False,
        disable=quiet,
        dynamic_ncols=True,
    )
