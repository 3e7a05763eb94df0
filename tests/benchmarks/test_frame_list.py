"""The benchmark of frame lists, on a small one."""

import csv
from pathlib import Path

import pytest

from benchmarks.data_parts import frame_list


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_each_row_is_measured(tmp_path):
    rows = frame_list.measure(tmp_path, repeats=1, clips=300, lines=60_000)
    assert len(rows) == 8
    assert all(row.value > 0 for row in rows[:4])
    assert len({(row.what, row.unit) for row in rows}) == 8


def test_the_list_is_of_the_size_asked_for_and_kept(tmp_path):
    path = frame_list.write_list(tmp_path / "a/train.csv", clips=50, lines=9000)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=" "))
    assert len({row["original_vido_id"] for row in rows}) == 50
    assert 8900 <= len(rows) <= 9000
    assert frame_list.write_list(path, 1, 1).stat().st_size > 9000
