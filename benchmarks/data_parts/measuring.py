"""Measures jobs in turn, so that other work of the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """A figure of the table. The unit "x" is the ratio to `against`; `target` is the largest
    allowed value."""

    what: str
    value: float
    unit: str
    target: float | None = None
    against: str = ""


def seconds_in_turn(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Returns the median seconds of each job. All jobs run once first, then in turn `repeats`
    times."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            begin = time.perf_counter()
            job()
            if turn:
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}
