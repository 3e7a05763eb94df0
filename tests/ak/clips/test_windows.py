"""Frame indices equal upstream's."""

import json
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.clips.sampling import (
    ClipSize,
    EvenParts,
    EvenSpread,
    EvenWindows,
    RandomCrop,
    RandomParts,
    RandomSpread,
    RandomWindow,
    even_frame_sampler,
    random_frame_sampler,
    slow_indices,
    window_span,
)

REFERENCE = Path(__file__).parents[2] / "reference"
CASES = json.loads((REFERENCE / "charades_test_sampling.json").read_text())
KINETICS = json.loads((REFERENCE / "kinetics_sampling.json").read_text())


@pytest.mark.parametrize(
    "case", [c for c in CASES if "error" not in c], ids=lambda c: c["video_length"]
)
def test_windows_of_a_test_equal_upstreams(case):
    sampler = EvenWindows(case["num_frames"], case["sampling_rate"], case["num_ensemble_views"])
    windows = sampler.draw(np.random.default_rng(0), case["video_length"])
    assert windows.tolist() == case["frames_per_temporal_view"]


def test_a_single_window_is_the_centre_one():
    assert EvenWindows(4, 2).draw(None, 20).tolist() == [[6, 8, 10, 12]]
    assert EvenWindows(4, 2).draw(None, 3).tolist() == [[0, 2, 2, 2]]
    assert EvenWindows(4, 2).draw(None, 1).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("length", [1, 3, 6, 7, 8, 11])
def test_random_windows_start_at_every_possible_frame(length):
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


@pytest.mark.parametrize("case", KINETICS["whole_video"], ids=lambda c: f"{c['fps']}")
def test_spread_windows_of_a_test_equal_upstreams(case):
    sampler = EvenSpread(
        case["num_frames"], case["sampling_rate"], case["num_clips"], case["use_offset"]
    )
    step = case["fps"] / case["target_fps"]
    windows = sampler.draw(None, case["video_frames"], step)
    assert windows.dtype == np.int64
    assert windows.tolist() == [view["frames"] for view in case["views"]]


@pytest.mark.parametrize("case", KINETICS["random"], ids=lambda c: str(c["video_size"]))
def test_spread_windows_of_training_lie_as_upstreams(case):
    """The first frame of a window is its start, rounded down."""
    size, span = case["video_size"], case["clip_size"]
    frames, rate = 8, 4
    sampler, rng = RandomSpread(frames, rate), np.random.default_rng(0)
    step = span / (frames * rate)
    drawn = np.stack([sampler.draw(rng, int(size), step)[0] for _ in range(8000)])
    ranks = [(drawn[:, 0] <= start).mean() for start in case["start"]]
    if span < size:
        assert ranks == pytest.approx(case["quantiles_at"], abs=0.02)
        assert set(drawn[:, -1] - drawn[:, 0]) <= {int(span - 1), int(span - 1) + 1}
    else:
        assert (drawn == drawn[0]).all()
        assert drawn[0].max() == size - 1


@pytest.mark.parametrize("sampler", [RandomWindow(4, 2), EvenWindows(4, 2, 3)])
def test_windows_count_frames_of_another_rate(sampler):
    """In a video of 60 frames a second, frames at 24 a second are 2.5 apart."""
    for _ in range(50):
        windows = sampler.draw(np.random.default_rng(0), 40, 2.5)
        assert (windows - windows[:, :1] == [0, 5, 10, 15]).all()
        assert windows.min() >= 0
    assert EvenWindows(3, 1).draw(None, 100, 2.5)[0].tolist() == [47, 49, 52]


def test_slow_pathway_indices_equal_upstreams():
    cases = json.loads((REFERENCE / "spatial_and_pathway.json").read_text())["slow_pathway_indices"]
    for name, indices in cases.items():
        num_frames, alpha = map(int, name.split("_"))
        assert slow_indices(num_frames, alpha).tolist() == indices


def test_uniform_views_take_one_frame_of_each_part_and_shift_the_phase():
    assert EvenParts(4).draw(None, 40).tolist() == [[5, 15, 25, 35]]
    assert EvenParts(4, 2).draw(None, 40).tolist() == [[2, 12, 22, 32], [7, 17, 27, 37]]
    assert EvenParts(2, 5).draw(None, 10).tolist() == [[k, k + 5] for k in range(5)]
    assert EvenParts(4, 2).draw(None, 3).tolist() == [[0, 0, 1, 2], [0, 1, 2, 2]]
    assert EvenParts(4, 3).draw(None, 1).tolist() == [[0] * 4] * 3


@pytest.mark.parametrize("length", [1, 3, 8, 13, 32, 176])
def test_uniform_training_takes_one_frame_of_each_part(length):
    rng = np.random.default_rng(0)
    drawn = np.stack([RandomParts(8).draw(rng, length)[0] for _ in range(3000)])
    assert drawn.dtype == np.int64
    for part in range(8):
        first, after = part * length / 8, (part + 1) * length / 8
        possible = range(
            int(first), int(np.ceil(after))
        )  # frames that are in the part, also in part
        assert set(drawn[:, part].tolist()) == set(possible)


def test_uniform_training_draws_all_frames_equally_often():
    rng = np.random.default_rng(0)
    counts = np.bincount(np.ravel([RandomParts(4).draw(rng, 10) for _ in range(5000)]))
    assert np.abs(counts / 20000 - 0.1).max() < 0.01


def test_samplers_by_name():
    assert random_frame_sampler("dense", 8, 2) == RandomWindow(8, 2)
    assert random_frame_sampler("uniform", 8, 2) == RandomParts(8)
    assert even_frame_sampler("dense", 8, 2, count=10) == EvenWindows(8, 2, 10)
    assert even_frame_sampler("uniform", 8, 2) == EvenParts(8, 1)


def test_a_random_rate_is_any_whole_number_between_two():
    """MULTIGRID.LONG_CYCLE_SAMPLING_RATE."""
    sampler = random_frame_sampler("dense", 4, 2, longest_rate=5)
    rng = np.random.default_rng(0)
    drawn = [np.unique(np.diff(sampler.draw(rng, 100)[0])).tolist() for _ in range(100)]
    assert {tuple(steps) for steps in drawn} == {(2,), (3,), (4,), (5,)}
    same, plain = (random_frame_sampler("dense", 4, 2, rate) for rate in (0, 2))
    rngs = [np.random.default_rng(1) for _ in range(2)]
    assert (same.draw(rngs[0], 100) == plain.draw(rngs[1], 100)).all()


def test_clips_of_fewer_frames_span_the_same_time():
    size = ClipSize(num_frames=2, longest_rate=8, side=16)
    assert even_frame_sampler("dense", 4, 4).resized(size).draw(None, 9).tolist() == [[0, 8]]
    assert even_frame_sampler("uniform", 4, 4).resized(size).draw(None, 8).tolist() == [[2, 6]]
    crop = RandomCrop(scales=(256, 340), side=224)
    assert crop.resized(158).scales == (181, 340)
    assert crop.resized(112).scales == (128, 340)
