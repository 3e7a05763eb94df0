"""Processes that work together, as ``torch.distributed`` alone knows them.

Notable: Python objects travel over gloo, so that gathering them takes no GPU memory.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import torch.distributed as dist

_GLOO = "over gloo"  # the key of the group for objects


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
    dist.all_gather_object(gathered, data, group=group_for_objects())
    return gathered


def group_for_objects(timeout: timedelta | None = None) -> dist.ProcessGroup | None:
    """The group of all processes over gloo; None where that is the one that they have anyway.

    Args:
        timeout: how long its collectives wait, for whoever asks first; gloo's own where None.
    """
    if dist.get_backend() == "gloo":
        return None
    return group_made_once(_GLOO, lambda: dist.new_group(backend="gloo", timeout=timeout))


def leave_group_for_objects() -> None:
    """Leaves the group that `group_for_objects` made beside another backend, if there is one."""
    group = _made.get(dist.group.WORLD, {}).pop(_GLOO, None)
    if group is not None:
        dist.destroy_process_group(group)


def group_made_once(key: Any, make: Callable[[], dist.ProcessGroup]) -> dist.ProcessGroup:
    """A group that all processes make together the first time that they ask for the key."""
    made = _made.setdefault(dist.group.WORLD, {})
    if key not in made:
        made[key] = make()
    return made[key]


# By the group of all processes, with which they go: what outlives it may crash a process that ends.
_made: WeakKeyDictionary[dist.ProcessGroup, dict[Any, dist.ProcessGroup]] = WeakKeyDictionary()
