"""The cores of a process: its CPU affinity, limited by the quota of its control groups."""

import math
import os

import pytest

from slowfast.ak.run import cores
from slowfast.ak.run.cores import available_cores, cpu_quota, reading_workers

V1 = "cpu,cpuacct"


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("", {}, math.inf),
        ("0::/", {"cpu.max": "max 100000"}, math.inf),
        ("0::/", {"cpu.max": "350000 100000"}, 3.5),
        # The parent group has a smaller quota.
        ("0::/a/b", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "800000 100000"}, 2),
        # The path is that of the host, and the container sees only its own group.
        ("0::/docker/3f", {"cpu.max": "400000 100000"}, 4),
        (
            "3:memory:/\n2:cpu,cpuacct:/docker/3f\n0::/",
            {f"{V1}/cpu.cfs_quota_us": "150000", f"{V1}/cpu.cfs_period_us": "100000"},
            1.5,
        ),
        (
            "2:cpu,cpuacct:/",
            {f"{V1}/cpu.cfs_quota_us": "-1", f"{V1}/cpu.cfs_period_us": "100000"},
            math.inf,
        ),
    ],
)
def test_the_smallest_quota_counts(tmp_path, groups, files, quota):
    files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in (files | {"proc/self/cgroup": groups}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [(math.inf, 6), (3.5, 3), (0.5, 1), (40, 6)])
def test_cores_by_affinity_and_quota(monkeypatch, quota, expected):
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
