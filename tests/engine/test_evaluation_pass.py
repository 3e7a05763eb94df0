"""The rows of all processes are joined, each key once, in the order of the clips."""

import pytest
import torch

from slowfast.engine.evaluation_pass import gather_rows
from slowfast.tasks import Rows
from slowfast.utils import distributed
from tests.engine.runs import in_two_processes


def rows(clips: list[int]) -> Rows:
    numbers = torch.tensor(clips)
    return Rows(numbers[:, None], numbers[:, None] / 10, numbers)


@pytest.mark.parametrize("clips", [1, 5, 8])
def test_clips_that_a_sampler_repeats_count_once(monkeypatch, clips):
    """Upstream's sampler gives each of three processes the same number of clips, some twice."""
    each = -(-clips // 3)
    padded = torch.arange(3 * each) % clips
    shards = [list(rows(padded[rank::3].tolist())) for rank in range(3)]
    monkeypatch.setattr(distributed, "all_gather_unaligned", lambda own: shards)
    found = gather_rows([rows([0])])
    assert found.keys.flatten().tolist() == found.targets.tolist() == list(range(clips))
    assert torch.equal(found.scores, torch.arange(clips)[:, None] / 10)


def test_missing_clips_are_left_out_and_rows_without_targets_are_joined():
    parts = [Rows(part[:, None], part[:, None], None) for part in torch.tensor([[3, 1], [0, 2]])]
    found = gather_rows(parts, {1: "gone", 2: "gone"})
    assert found.scores.tolist() == [[0], [3]]
    assert found.targets is None


def test_a_clip_may_have_several_rows():
    keys = torch.tensor([[1, 0], [0, 1], [0, 0], [1, 0]])  # clip, box; one row twice
    found = gather_rows([Rows(keys, torch.arange(4.0)[:, None], None)])
    assert found.keys.tolist() == [[0, 0], [0, 1], [1, 0]]
    assert found.scores.flatten().tolist() == [2, 1, 0]


def test_processes_share_their_rows_even_if_one_has_none(tmp_path):
    def gather(rank):
        shared = gather_rows([rows([0, 2, 4] if rank == 0 else [1, 3])])
        return shared.scores, gather_rows([rows([0, 2, 4])] if rank == 0 else []).keys

    for scores, keys in in_two_processes(gather, tmp_path):
        assert scores.flatten().tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
        assert keys.flatten().tolist() == [0, 2, 4]
