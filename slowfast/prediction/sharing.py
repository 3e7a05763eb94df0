"""How processes and shards share the videos, without talking to each other."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence

from slowfast.prediction.videos.inputs import Input
from slowfast.utils.processes import torchrun

_CHECK_SECONDS = 1


def share(videos: Sequence[Input], part: int, parts: int) -> list[Input]:
    """Returns the videos of one of several parts, which take about the same time.

    The largest video goes first, each to the part that has least so far.
    """
    loads = [(0, number) for number in range(parts)]
    own = []
    for video in sorted(videos, key=lambda video: (-video.size, video.name)):
        load, number = heapq.heappop(loads)
        heapq.heappush(loads, (load + max(1, video.size), number))
        if number == part:
            own.append(video)
    order = {video.name: number for number, video in enumerate(videos)}
    return sorted(own, key=lambda video: order[video.name])


def is_last(work: str) -> bool:
    """Waits for the other processes of torchrun, which ends all of them when one fails.

    Args:
        work: what the processes have done, a different text for each piece of work.

    Returns:
        Whether this process writes what belongs to all of them.
    """
    run = torchrun.current()
    if run is None:
        return True
    run.store.set(f"{work} {run.rank}", "")
    names = [f"{work} {rank}" for rank in range(run.world_size)]
    while not run.store.check(names):
        time.sleep(_CHECK_SECONDS)
    return run.rank == 0
