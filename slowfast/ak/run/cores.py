"""How many CPU cores this process may use, and how many of them are for reading clips.

Notable: the machine's count is seldom it. Batch systems and containers pin a process to some cores,
or leave it all of them and give it a share of the time; the least of these is what there is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def available_cores() -> int:
    """Cores that this process may keep busy: those it is pinned to, within its CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, int(min(cores, cpu_quota())))


def cpu_quota(root: Path = Path("/")) -> float:
    """Cores' worth of time that control groups allow this process; infinite where they do not say.

    Groups lie within groups, and the tightest counts. `root` is the file system's.
    """
    return min(_quotas(root), default=math.inf)


def _quotas(root: Path) -> Iterator[float]:
    for folder in _group_folders(root):
        for read in (_quota_v2, _quota_v1):
            try:
                quota = read(folder)
            except (OSError, ValueError):  # no such file, or "max"
                continue
            if quota > 0:
                yield quota


def _group_folders(root: Path) -> Iterator[Path]:
    """Folders of this process's groups of CPU time, and of those around them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Within a container the path may be the host's, and the mount the container's own group.
        mount = mounts / controllers if controllers else mounts
        folder = mount / group.strip("/")
        yield from (
            folder,
            *(above for above in folder.parents if mount in (above, *above.parents)),
        )


def _quota_v2(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text().split()
    return int(quota) / int(period)


def _quota_v1(folder: Path) -> float:
    quota, period = (
        int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period")
    )
    return quota / period


def reading_workers(cores: int, processes: int, on_gpu: bool) -> int:
    """Workers for each process of a run that is one of so many on a machine of so many cores.

    Training on a GPU takes a core for each process, which launches the work of the GPU; all others
    read. On the CPU the network wants every core, and a second of it needs far less than a second
    of reading: one worker keeps up.
    """
    return max(1, cores // processes - 1) if on_gpu else 1


def processes_of_machine(cfg) -> int:
    """Processes that a run has on each machine: one a GPU; CPU_PROCESSES without one."""
    return cfg.NUM_GPUS or cfg.get("CPU_PROCESSES", 1)
