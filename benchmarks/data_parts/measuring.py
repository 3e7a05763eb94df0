"""Measures jobs in turn, so that other work of the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """A figure of the table. The unit "x" is the ratio to `against`; `target` is the largest
    allowed value."""

    what: str
    value: float
    unit: str
    target: float | None = None
    against: str = ""


def seconds_in_turn(
    jobs: dict[Any, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Any, float]:
    """Returns the median seconds of each job. All jobs run once first, then in turn `repeats`
    times.

    Args:
        clock: `time.process_time` leaves out the time in which other programs have the core.
    """
    taken: dict[Any, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            begin = clock()
            job()
            if turn:
                taken[name].append(clock() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}
