"""Processes that work together, as ``torch.distributed`` alone knows them.

Notable: Python objects travel over gloo, so that gathering them takes no GPU memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch.distributed as dist


def rank_and_size() -> tuple[int, int]:
    """This process's number among all, and how many there are; 0 and 1 without a group."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def gather_objects(data: Any) -> list[Any]:
    """Objects of all processes in order of rank; they may differ in size (arrays, lists, ...)."""
    _, size = rank_and_size()
    if size == 1:
        return [data]
    gathered: list[Any] = [None] * size
    dist.all_gather_object(gathered, data, group=_cpu_group(dist.group.WORLD))
    return gathered


@lru_cache(maxsize=1)
def _cpu_group(world: dist.ProcessGroup) -> dist.ProcessGroup:
    """A group of all processes over gloo: the one that there is, where it is of that kind."""
    return world if dist.get_backend(world) == "gloo" else dist.new_group(backend="gloo")
