"""Frame indices, against upstream's."""

import json
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.sampling import EvenWindows, RandomWindow, slow_indices, window_span

REFERENCE = Path(__file__).parents[1] / "reference"
CASES = json.loads((REFERENCE / "charades_test_sampling.json").read_text())


@pytest.mark.parametrize(
    "case", [c for c in CASES if "error" not in c], ids=lambda c: c["video_length"]
)
def test_windows_of_a_test_are_upstreams(case):
    sampler = EvenWindows(case["num_frames"], case["sampling_rate"], case["num_ensemble_views"])
    windows = sampler.draw(np.random.default_rng(0), case["video_length"])
    assert windows.tolist() == case["frames_per_temporal_view"]


def test_a_single_window_is_the_centre_one():
    assert EvenWindows(4, 2).draw(None, 20).tolist() == [[6, 8, 10, 12]]
    assert EvenWindows(4, 2).draw(None, 3).tolist() == [[0, 2, 2, 2]]
    assert EvenWindows(4, 2).draw(None, 1).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("length", [1, 3, 6, 7, 8, 11])
def test_random_windows_start_at_every_place_and_no_other(length):
    span = window_span(4, 2)
    assert span == 7
    starts = range(min(0, length - span), max(0, length - span) + 1)
    possible = {tuple(np.clip(s + 2 * np.arange(4), 0, length - 1).tolist()) for s in starts}
    rng = np.random.default_rng(0)
    drawn = [tuple(RandomWindow(4, 2).draw(rng, length)[0].tolist()) for _ in range(400)]
    assert set(drawn) == possible


def test_random_starts_are_uniform():
    rng = np.random.default_rng(0)
    starts = [RandomWindow(2, 1).draw(rng, 5)[0, 0] for _ in range(4000)]
    assert np.abs(np.bincount(starts) / 4000 - 0.25).max() < 0.03


def test_slow_pathway_indices_are_upstreams():
    cases = json.loads((REFERENCE / "spatial_and_pathway.json").read_text())["slow_pathway_indices"]
    for name, indices in cases.items():
        num_frames, alpha = map(int, name.split("_"))
        assert slow_indices(num_frames, alpha).tolist() == indices
