"""The parts of pytorchvideo that no release has, in four processes over gloo."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.standins import pytorchvideo as ours

ROWS = [3, 1, 2, 2]  # rows of the batch in each process
TOTAL = torch.arange(8.0).view(8, 1)


def batch(dims: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns a batch (8, 3, ...) whose mean is 20, and a gradient of its shape."""
    generator = torch.Generator().manual_seed(dims)
    shape = (8, 3, 5) if dims == 1 else (8, 3, 2, 3, 3)
    x, cotangent = (torch.randn(shape, generator=generator) for _ in range(2))
    return 20 + x, cotangent


def step(layer: nn.Module, x: torch.Tensor, cotangent: torch.Tensor) -> dict[str, torch.Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * cotangent).sum().backward()
    found = {"y": y.detach(), "x": x.grad, "weight": layer.weight.grad}
    return found | {name: value.clone() for name, value in layer.named_buffers()}


def process(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=4)
    ours.init_distributed_training(2, rank // 2)  # two machines of two
    own = slice(sum(ROWS[:rank]), sum(ROWS[: rank + 1]))
    found = {
        "local": (ours.get_local_rank(), ours.get_local_size(), ours.get_world_size()),
        "all": ours.cat_all_gather(TOTAL[2 * rank : 2 * rank + 2]),
        "machine": ours.cat_all_gather(TOTAL[2 * rank : 2 * rank + 2], local=True),
        "group size": dist.get_world_size(ours.get_local_process_group()),
    }
    kinds = {1: ours.NaiveSyncBatchNorm1d, 3: ours.NaiveSyncBatchNorm3d}
    for dims, kind in kinds.items():
        x, cotangent = batch(dims)
        for name, settings in {
            "pair": {"num_sync_devices": 2, "global_sync": False},
            "machine": {"num_sync_devices": None, "global_sync": False},
            "global": {"global_sync": True},
            "alone": {"num_sync_devices": 1, "global_sync": False},
        }.items():
            layer = kind(num_features=3, eps=1e-5, momentum=0.1, **settings)
            found[f"{name} {dims}"] = step(layer, x[own], cotangent[own])
    try:
        ours.NaiveSyncBatchNorm3d(3, num_sync_devices=3, global_sync=False)
    except UserError as error:
        found["refused"] = str(error)
    torch.save(found, folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(process, args=(folder,), nprocs=4)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(4)]


def test_processes_know_their_machine(found):
    assert [each["local"] for each in found] == [(0, 2, 4), (1, 2, 4), (0, 2, 4), (1, 2, 4)]
    assert {each["group size"] for each in found} == {2}


def test_tensors_are_gathered_from_all_processes_or_one_machine(found):
    for rank, each in enumerate(found):
        assert torch.equal(each["all"], TOTAL)
        assert torch.equal(each["machine"], TOTAL[:4] if rank < 2 else TOTAL[4:])


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("pair", [[0, 1], [2, 3]]),
        ("machine", [[0, 1], [2, 3]]),
        ("global", [[0, 1, 2, 3]]),
        ("alone", [[0], [1], [2], [3]]),
    ],
)
def test_a_group_normalises_as_one_process_with_its_batches(found, dims, name, groups):
    x, cotangent = batch(dims)
    for group in groups:
        rows = slice(sum(ROWS[: group[0]]), sum(ROWS[: group[-1] + 1]))
        plain = (nn.BatchNorm1d if dims == 1 else nn.BatchNorm3d)(3)
        expected = step(plain, x[rows], cotangent[rows])
        steps = [found[rank][f"{name} {dims}"] for rank in group]
        for key in ("y", "x"):
            joined = torch.cat([each[key] for each in steps])
            torch.testing.assert_close(joined, expected[key], atol=1e-4, rtol=1e-4)
        total = sum(each["weight"] for each in steps)
        torch.testing.assert_close(total, expected["weight"], atol=1e-3, rtol=1e-4)
        for each in steps:
            for key in ("running_mean", "running_var", "num_batches_tracked"):
                torch.testing.assert_close(each[key], expected[key])


def test_a_group_size_that_does_not_divide_the_processes_is_refused(found):
    for each in found:
        assert "found 3, which does not divide the 4 devices" in each["refused"]


def test_a_configuration_can_replace_the_numbers():
    class Cfg:
        NUM_GPUS, SHARD_ID = 1, 0

    ours.init_distributed_training(Cfg)
    assert ours.get_local_process_group() is None


LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5]])


def test_soft_targets_are_scaled_to_a_distribution_by_default():
    targets = torch.tensor([[2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    log = torch.log_softmax(LOGITS, 1)
    halves = -(log[0, 0] + log[0, 1]) / 2
    loss = ours.SoftTargetCrossEntropyLoss(reduction="none")
    torch.testing.assert_close(loss(LOGITS, targets), torch.stack([halves, torch.tensor(0.0)]))
    loss = ours.SoftTargetCrossEntropyLoss(normalize_targets=False)
    torch.testing.assert_close(loss(LOGITS, targets), 4 * halves / 2)


def test_targets_can_be_classes_and_one_can_be_ignored():
    classes = torch.tensor([0, 2])
    loss = ours.SoftTargetCrossEntropyLoss()
    torch.testing.assert_close(loss(LOGITS, classes), F.cross_entropy(LOGITS, classes))
    loss = ours.SoftTargetCrossEntropyLoss(ignore_index=2)
    torch.testing.assert_close(
        loss(LOGITS, classes), F.cross_entropy(LOGITS, classes, ignore_index=2)
    )


def test_clips_with_a_target_for_the_ignored_class_are_left_out():
    targets = torch.tensor([[0.5, 0.5, 0.0], [0.9, 0.0, 0.1]])
    loss = ours.SoftTargetCrossEntropyLoss(ignore_index=2)
    expected = F.cross_entropy(LOGITS[:1], targets[:1])
    torch.testing.assert_close(loss(LOGITS, targets), expected)
    loss = ours.SoftTargetCrossEntropyLoss(ignore_index=0)
    assert loss(LOGITS, targets) == 0
