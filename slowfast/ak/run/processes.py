"""Processes of ``torch.distributed``: their numbers, and the exchange of Python objects.

Objects are exchanged over gloo, which takes no GPU memory.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import torch.distributed as dist

_GLOO = "over gloo"  # the key of the group for objects


def rank_and_size() -> tuple[int, int]:
    """Returns the number of this process and the number of processes; 0 and 1 without a group."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def gather_objects(data: Any) -> list[Any]:
    """Returns the objects of all processes, in order of rank; their sizes can differ."""
    _, size = rank_and_size()
    if size == 1:
        return [data]
    gathered: list[Any] = [None] * size
    dist.all_gather_object(gathered, data, group=group_for_objects())
    return gathered


def group_for_objects(timeout: timedelta | None = None) -> dist.ProcessGroup | None:
    """Returns a gloo group of all processes; None if the default group uses gloo.

    Args:
        timeout: how long its collectives wait; None: gloo's default. Only the first call sets it.
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
    """Returns the group of a key. All processes make it together in their first call."""
    made = _made.setdefault(dist.group.WORLD, {})
    if key not in made:
        made[key] = make()
    return made[key]


# Groups by default group: they are dropped with it, because a group that outlives the default
# group can crash the process when it ends.
_made: WeakKeyDictionary[dist.ProcessGroup, dict[Any, dist.ProcessGroup]] = WeakKeyDictionary()
