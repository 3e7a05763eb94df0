"""The cores of a process: those it is pinned to, within the quota of its control groups."""

import math
import os

import pytest

from slowfast.ak.run import cores
from slowfast.ak.run.cores import available_cores, cpu_quota, reading_workers


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


V1 = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, math.inf),
        ({"proc/self/cgroup": "0::/\n"}, math.inf),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, math.inf),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "350000 100000\n"}, 3.5),
        # The parent group has a smaller quota.
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/cpu.max": "200000 100000",
                "sys/fs/cgroup/job/step/cpu.max": "800000 100000",
            },
            2,
        ),
        # The path is that of the host, and the container sees only its own group.
        (
            {
                "proc/self/cgroup": "0::/docker/3f\n",
                "sys/fs/cgroup/cpu.max": "400000 100000",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "3:memory:/\n2:cpu,cpuacct:/docker/3f\n0::/\n",
                f"{V1}/cpu.cfs_quota_us": "150000",
                f"{V1}/cpu.cfs_period_us": "100000",
            },
            1.5,
        ),
        (
            {
                "proc/self/cgroup": "2:cpu,cpuacct:/\n",
                f"{V1}/cpu.cfs_quota_us": "-1",
                f"{V1}/cpu.cfs_period_us": "100000",
            },
            math.inf,
        ),
    ],
)
def test_the_smallest_quota_counts(tmp_path, files, quota):
    write(tmp_path, files)
    assert cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [(math.inf, 6), (3.5, 3), (0.5, 1), (40, 6)])
def test_pinned_cores_and_quota(monkeypatch, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    assert available_cores() == expected


def test_workers_use_every_core_once():
    for count in range(1, 129):
        for processes in (1, 2, 4, 8):
            workers = reading_workers(count, processes, on_gpu=True)
            assert workers >= 1
            if count >= 2 * processes:  # one core for each training process and each worker
                assert count - processes < processes * (workers + 1) <= count
    assert reading_workers(64, 1, on_gpu=False) == 1
