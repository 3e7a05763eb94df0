"""A progress bar on a terminal; there is none if the output goes to a file."""

import sys

from tqdm import tqdm

from slowfast.utils import distributed


def progress_bar(total: int, label: str, unit: str = "batch", done: int = 0) -> tqdm:
    """Returns a bar that disappears when `total` steps are done; only the first process draws it.

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
