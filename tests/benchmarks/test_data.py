"""The benchmark of the data path: each part gives its rows, from files that it writes itself."""

import math

import pytest

from benchmarks.data_parts import images, loader


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(images, "CLIPS", 2)
    monkeypatch.setattr(images, "CLIPS_A_TURN", 2)
    monkeypatch.setattr(loader, "BATCHES", 2)


def test_rows_of_images(few, tmp_path):
    rows = images.measure(tmp_path, repeats=1, frames=16)
    assert all(math.isfinite(row.value) and row.value > 0 for row in rows)
    assert [row.target for row in rows if row.target] == [1.5, 1.1, 1.6, 1.3, 1.1, 1.6]
    for size in images.SIZES:
        sizes = [path.stat().st_size for path in (tmp_path / f"images_{size}").rglob("*.jpg")]
        assert len(sizes) == 32
        assert 0.8 < sum(sizes) / len(sizes) / size < 1.2


def test_rows_of_the_loader(few, tmp_path):
    rows = loader.measure(tmp_path, repeats=1, frames=16, most=1)
    assert [row.unit for row in rows] == ["clips/s", "x", "x"] * 2
    assert all(row.value > 0 for row in rows)
