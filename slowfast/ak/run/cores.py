"""The number of CPU cores that this process may use, and of workers that read clips.

Batch systems and containers often pin a process to some of the machine's cores, or limit its share
of CPU time. The smallest of these limits counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def available_cores() -> int:
    """Returns the number of cores that this process may use, by its CPU affinity and quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, int(min(cores, cpu_quota())))


def cpu_quota(root: Path = Path("/")) -> float:
    """Returns the CPU quota of this process's control groups, in cores; infinite without limit.

    Groups are nested, and the smallest quota counts.

    Args:
        root: root of the file system.
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
    """Yields the folders of the CPU control groups of this process and of their parents."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path can be the host's, and the mount is the container's group.
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
    """Returns the number of loader workers for each process of a machine.

    On a GPU, each process needs one core to launch the GPU's work, and the other cores read clips.
    On the CPU, the network uses all cores and is much slower than reading: one worker keeps up.

    Args:
        cores: number of cores of the machine.
        processes: number of training processes on the machine.
    """
    return max(1, cores // processes - 1) if on_gpu else 1


def processes_of_machine(cfg) -> int:
    """Returns the number of processes on each machine: NUM_GPUS, or CPU_PROCESSES without GPU."""
    return cfg.NUM_GPUS or cfg.get("CPU_PROCESSES", 1)
