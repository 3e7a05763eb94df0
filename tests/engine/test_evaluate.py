"""Clips of all processes are joined, each of them once."""

import pytest
import torch

from slowfast.engine.evaluate import gather_clips
from slowfast.utils import distributed


@pytest.mark.parametrize("clips", [1, 2, 5, 8])
def test_clips_that_a_sampler_pads_with_count_once(monkeypatch, clips):
    """Upstream's sampler gives each of three processes equally many clips, some of them twice."""
    each = -(-clips // 3)
    padded = torch.arange(3 * each) % clips
    shards = [padded[rank::3] for rank in range(3)]

    def gathered(own):
        return [[10.0 * s[:, None] + torch.tensor([0, 1]), torch.eye(9)[s], s] for s in shards]

    monkeypatch.setattr(distributed, "all_gather_unaligned", gathered)
    scores, targets, found = gather_clips([], [], [])
    assert scores.tolist() == [[10.0 * clip, 10.0 * clip + 1] for clip in range(clips)]
    assert torch.equal(targets, torch.eye(9)[:clips])
    assert found.tolist() == list(range(clips))


def test_missing_clips_are_left_out():
    batches = [torch.tensor([3, 1]), torch.tensor([0, 2])]
    scores = [10.0 * batch[:, None] for batch in batches]
    scores, targets, found = gather_clips(scores, batches, batches, {1: "gone", 2: "gone"})
    assert found.tolist() == targets.tolist() == [0, 3]
    assert scores.tolist() == [[0.0], [30.0]]
