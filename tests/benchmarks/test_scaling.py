"""The benchmark of scaling: its counts, and what it calculates from them."""

import pytest

from benchmarks.scaling_parts import counts, processes, reading, steps
from benchmarks.scaling_parts.counts import Cost
from benchmarks.scaling_parts.projection import Assumed, limits
from benchmarks.scaling_parts.table import small_config
from slowfast.models import build_model

RECIPE = Cost("some", parameters=10_000_000, multiply_adds=5e9, kept=10**9, operations=1000)


def test_kept_bytes_grow_with_pixels_and_operations_do_not():
    cfgs = [small_config(DATA__NUM_FRAMES=frames) for frames in (8, 16)]
    networks = [build_model(cfg) for cfg in cfgs]
    few, many = (counts.kept_bytes(cfg, net, 64) for cfg, net in zip(cfgs, networks, strict=True))
    assert many / few == pytest.approx(2, rel=0.02)
    operations = [
        counts.operations(cfg, net, side)
        for cfg, net, side in zip(cfgs, networks, (64, 96), strict=True)
    ]
    assert operations[0] == operations[1] > 3 * len(list(networks[0].parameters())) / 2


def test_limits_by_hand():
    """An H100 has 989 TFLOP/s at 40 %, and 3.35 TB/s; a clip has 5 G products and keeps 1 GB."""
    one = limits(RECIPE, 8, Assumed())
    assert one.arithmetic == pytest.approx(8 * 0.4 * 989e12 / 30e9)
    assert one.memory == pytest.approx(8 * 3.35e12 / 2.5e9)
    assert one.launches == pytest.approx(8 * 8 / (1000 * 6e-6))
    assert one.decoding == pytest.approx(88 / (8 * 0.39e-3 * 1.42))
    assert one.network == float("inf")
    assert one.first == "launches"
    eight = limits(RECIPE, 64, Assumed())
    assert eight.arithmetic == pytest.approx(8 * one.arithmetic)
    assert (eight.files, eight.disk) == (one.files, one.disk)  # a file server serves all machines
    # 40 MB of gradients, 7/8 of them twice over the link, a step of 512 clips.
    assert eight.network == pytest.approx(512 / (2 * 7 / 8 * 40e6 / 50e9))


@pytest.mark.slow
@pytest.mark.parametrize("part", [counts, steps, reading, processes])
def test_each_part_gives_its_tables(part, tmp_path, monkeypatch):
    monkeypatch.setattr(counts, "CLIPS", ((8, 64), (16, 64)))
    monkeypatch.setattr(steps, "STEPS", (steps.BASE, (1, 8, 112)))
    tables = part.measure(tmp_path, 1)
    assert all(len(row) == len(table.heads) for table in tables for row in table.rows)
    assert all(str(table).count("\n") == len(table.rows) + 3 for table in tables)
