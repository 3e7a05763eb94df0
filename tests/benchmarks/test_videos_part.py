"""The part `videos` of benchmarks/data.py, on a film of a few frames."""

from benchmarks.data_parts import videos


def test_the_part_gives_its_rows(tmp_path):
    rows = videos.measure(tmp_path, repeats=1, num_frames=40)
    assert [row.target for row in rows[:3]] == [None, 1.6, None]
    assert all(row.value > 0 for row in rows)
    assert len(rows) in (3, 5)  # with torchcodec's rows if it is installed
