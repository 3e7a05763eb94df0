"""What both loops need: seeds, norm groups, and two processes that act as one."""

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp

from slowfast.engine.device.runtime import seed_everything, share_norm_statistics
from slowfast.engine.evaluate import gather_clips
from slowfast.models.batchnorm_helper import FrozenBatchNorm3d
from slowfast.utils import distributed


def draw() -> tuple:
    return torch.rand(3).tolist(), np.random.rand(3).tolist()  # noqa: NPY002


def test_an_epochs_randomness_depends_on_seed_and_epoch_alone():
    seed_everything(1, 5)
    first = draw()
    seed_everything(1, 4)
    other = draw()
    seed_everything(1, 5)
    assert draw() == first != other
    seed_everything(2, 5)
    assert draw() != first


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_norms_are_not_averaged_over_processes(monkeypatch, frozen):
    """The mean of three equal numbers need not be that number."""
    layer = FrozenBatchNorm3d(1000) if frozen else torch.nn.BatchNorm3d(1000)
    layer.running_mean.copy_(torch.randn(1000, generator=torch.Generator().manual_seed(0)))
    before = layer.running_mean.clone()
    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(
        distributed, "all_reduce", lambda tensors: [(t + t + t) / 3 for t in tensors]
    )
    share_norm_statistics(torch.nn.Sequential(layer))
    assert torch.equal(layer.running_mean, before) == frozen
    torch.testing.assert_close(layer.running_mean, before)


def test_gathering_keeps_each_clip_once_in_order():
    scores = [torch.tensor([[2.0], [0.0]]), torch.tensor([[1.0], [0.5]])]
    targets = [torch.tensor([[2], [0]]), torch.tensor([[1], [0]])]
    indices = [torch.tensor([2, 0]), torch.tensor([1, 0])]  # clip 0 stands twice, as padding
    joined, labels, _ = gather_clips(scores, targets, indices)
    assert joined.tolist() == [[0.0], [1.0], [2.0]]
    assert labels.tolist() == [[0], [1], [2]]


def _gather_on(rank: int, init: str, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    clips = torch.tensor([0, 2, 4]) if rank == 0 else torch.tensor([1, 3])
    scores, *_ = gather_clips([clips[:, None] / 10], [clips[:, None]], [clips])
    empty, *_ = gather_clips(*([[clips], [clips], [clips]] if rank == 0 else [[], [], []]))
    torch.save((scores, empty), f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


def test_processes_share_what_they_scored_even_where_one_had_nothing(tmp_path):
    init = f"file://{tmp_path}/rendezvous"
    mp.spawn(_gather_on, args=(init, str(tmp_path)), nprocs=2)
    for rank in range(2):
        scores, empty = torch.load(tmp_path / str(rank))
        assert scores.flatten().tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
        assert empty.tolist() == [0, 2, 4]
    assert distributed.get_world_size() == 1
