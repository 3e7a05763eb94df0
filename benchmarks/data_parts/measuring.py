"""Times taken in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """A figure of the table, in `unit`; x is times what it is `against`. At most `target`."""

    what: str
    value: float
    unit: str
    target: float | None = None
    against: str = ""


def seconds_in_turn(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each job; all are run once to warm up, then in turn, `repeats` times."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            begin = time.perf_counter()
            job()
            if turn:
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}
