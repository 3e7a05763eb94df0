"""Batch norms: frozen, over parts of a batch, and synchronised over processes."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from reference_parts.networks import normal
from slowfast.ak.errors import UserError
from slowfast.models import build_model
from slowfast.models.batchnorm_helper import (
    FrozenBatchNorm3d,
    SubBatchNorm3d,
    SyncBatchNorm3d,
    get_norm,
)
from tests.models.network_cases import SLOW, TINY, network_cfg

SYNC = {"BN.NORM_TYPE": "sync_batchnorm"}
# Far from zero, so that a difference of sums of squares would be imprecise.
BATCH = 30 + normal(0, (6, 3, 2, 4, 4)) * torch.tensor([1.0, 2.0, 0.5]).view(1, 3, 1, 1, 1)
COTANGENT = normal(1, BATCH.shape)


def with_affine(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        layer.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    return layer


def one_step(layer: nn.Module, x: torch.Tensor, cotangent: torch.Tensor) -> dict:
    """Output, gradients and buffers after a training step on a batch."""
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * cotangent).sum().backward()
    gradients = {f"{name}.grad": p.grad for name, p in layer.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    return {"y": y.detach(), "x.grad": x.grad} | gradients | buffers


# ------------------------------------------------------------------ which layer it is


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, nn.BatchNorm3d),
        ({"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2}, SubBatchNorm3d),
        # A single process has no other process to share statistics with.
        (SYNC | {"BN.NUM_SYNC_DEVICES": 4}, nn.BatchNorm3d),
        (SYNC | {"BN.GLOBAL_SYNC": True}, nn.BatchNorm3d),
        ({"MODEL.FROZEN_BN": True}, FrozenBatchNorm3d),
    ],
)
def test_the_configuration_chooses_the_norm(settings, expected):
    layer = get_norm(network_cfg(settings))(7)
    assert type(layer) is expected
    assert (layer.num_features, layer.eps, layer.momentum) == (7, 1e-5, 0.1)
    assert get_norm(network_cfg(settings))(7, eps=1e-3, momentum=0.2).eps == 1e-3


def test_an_unknown_norm_is_refused():
    cfg = network_cfg()
    cfg.BN.NORM_TYPE = "sync_batch_norm"
    with pytest.raises(UserError, match=r"BN.NORM_TYPE.*did you mean sync_batchnorm"):
        get_norm(cfg)


@pytest.mark.parametrize("norm", [FrozenBatchNorm3d, SyncBatchNorm3d])
def test_weights_load_from_plain_batch_norm(norm):
    assert list(norm(3).state_dict()) == list(nn.BatchNorm3d(3).state_dict())


# ------------------------------------------------------------------ frozen


def test_training_does_not_change_a_frozen_norm():
    frozen, plain = with_affine(FrozenBatchNorm3d(3)), with_affine(nn.BatchNorm3d(3))
    for layer in (frozen, plain):
        layer.running_mean.fill_(2.0)
        layer.running_var.fill_(4.0)
    before = {name: x.clone() for name, x in frozen.state_dict().items()}
    x = BATCH.clone().requires_grad_()
    y = nn.Sequential(frozen).train()(x)
    torch.testing.assert_close(y, plain.eval()(BATCH))
    y.sum().backward()
    assert x.grad.all()
    assert all(p.grad is None for p in frozen.parameters())
    assert all(torch.equal(x, before[name]) for name, x in frozen.state_dict().items())


# ------------------------------------------------------------------ sub-batch norm


def test_each_part_of_a_batch_is_normalised_by_itself():
    layer = with_affine(SubBatchNorm3d(3, num_splits=2))
    y = layer(BATCH)
    for part in (slice(0, None, 2), slice(1, None, 2)):
        alone = with_affine(nn.BatchNorm3d(3))
        torch.testing.assert_close(y[part], alone(BATCH[part]))


def test_evaluation_uses_the_statistics_of_all_parts_together():
    layer = SubBatchNorm3d(3, num_splits=2, momentum=1.0)
    layer(BATCH)
    # The variance of the whole is the mean of the variances plus the variance of the means.
    parts = [BATCH[0::2], BATCH[1::2]]
    means = torch.stack([part.mean(dim=(0, 2, 3, 4)) for part in parts])
    variances = torch.stack([part.var(dim=(0, 2, 3, 4)) for part in parts])
    state = layer.state_dict()
    layer.eval()
    for bn_mean, bn_var in (
        (state["bn.running_mean"], state["bn.running_var"]),
        (layer.bn.running_mean, layer.bn.running_var),
    ):
        torch.testing.assert_close(bn_mean, means.mean(0))
        torch.testing.assert_close(bn_var, variances.mean(0) + means.var(0, correction=0))
    expected = (BATCH - layer.bn.running_mean.view(1, 3, 1, 1, 1)) / (
        layer.bn.running_var.view(1, 3, 1, 1, 1) + layer.eps
    ).sqrt()
    torch.testing.assert_close(layer(BATCH), expected, atol=1e-4, rtol=1e-4)


def test_loaded_statistics_are_kept_in_evaluation():
    layer = SubBatchNorm3d(3, num_splits=2).eval()
    layer.bn.running_mean.fill_(5.0)
    layer.eval()
    assert (layer.state_dict()["bn.running_mean"] == 5).all()


def test_sub_batch_norm_has_the_published_names():
    assert [name for name in SubBatchNorm3d(3, 2).state_dict() if "num_batches" not in name] == [
        "weight",
        "bias",
        "bn.running_mean",
        "bn.running_var",
        "split_bn.running_mean",
        "split_bn.running_var",
    ]


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(UserError, match=r"BN.NUM_SPLITS.*6 clips.*4 equal parts"):
        SubBatchNorm3d(3, num_splits=4)(BATCH)


# ------------------------------------------------------------------ synchronised norm

# The number of clips of each process; the batch is divided in this order.
CLIPS = {2: [4, 2], 4: [2, 1, 1, 2]}
NETWORK_CLIPS = normal(2, (4, 3, 4, 32, 32))


def network_gradients(cfg, clips: torch.Tensor) -> dict:
    torch.manual_seed(0)
    model = build_model(cfg)
    model([clips]).square().mean().backward()
    model = getattr(model, "module", model)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return gradients | dict(model.named_buffers())


def process(rank: int, world_size: int, group_size: int, folder: Path) -> None:
    """The work of each process. It writes its results to a file."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world_size
    )
    cfg = network_cfg(TINY, SLOW, SYNC, {"BN.NUM_SYNC_DEVICES": group_size})
    layer = with_affine(get_norm(cfg)(3))
    assert type(layer) is SyncBatchNorm3d
    # A group of all processes would open a second communicator beside that of DDP.
    assert (layer.process_group is None) == (group_size == world_size)
    own = slice(sum(CLIPS[world_size][:rank]), sum(CLIPS[world_size][: rank + 1]))
    results = {"step": one_step(layer, BATCH[own], COTANGENT[own])}
    results["eval"] = layer.eval()(BATCH[own]).detach()
    half = layer.train()(BATCH[own].bfloat16())
    results["half"] = half.dtype
    if group_size == world_size:
        own_clips = NETWORK_CLIPS.chunk(world_size)[rank]
        results["network"] = network_gradients(cfg, own_clips)
        cfg.MODEL.FP16_ALLREDUCE = True
        results["network_fp16"] = network_gradients(cfg, own_clips)
        cfg.BN.NUM_SYNC_DEVICES, cfg.BN.GLOBAL_SYNC = 1, True
        results["global"] = type(get_norm(cfg)(3))
        cfg.MODEL.DETACH_FINAL_FC, cfg.MODEL.FP16_ALLREDUCE = True, False
        results["detached"] = network_gradients(cfg, own_clips)["head.projection.weight"]
    else:
        cfg.BN.NUM_SYNC_DEVICES = 3
        try:
            get_norm(cfg)
        except UserError as error:
            results["refused"] = str(error)
    torch.save(results, folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def run_processes(world_size: int, group_size: int, folder: Path) -> list[dict]:
    # Forked processes need not import everything again.
    arguments = (world_size, group_size, folder)
    mp.start_processes(process, arguments, nprocs=world_size, start_method="fork")
    return [torch.load(folder / f"{r}.pt", weights_only=False) for r in range(world_size)]


def assert_is_one_process(steps: list[dict], batch: torch.Tensor, cotangent: torch.Tensor) -> None:
    """The processes together have the results of one process with all their clips."""
    expected = one_step(with_affine(nn.BatchNorm3d(3)), batch, cotangent)
    for name in ("y", "x.grad"):
        found = torch.cat([step[name] for step in steps])
        torch.testing.assert_close(found, expected[name], atol=1e-5, rtol=1e-4)
    for name in ("weight.grad", "bias.grad"):
        found = sum(step[name] for step in steps)
        torch.testing.assert_close(found, expected[name], atol=1e-3, rtol=1e-4)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        for step in steps:
            torch.testing.assert_close(step[name], expected[name])


def test_two_processes_agree_with_one_process(tmp_path):
    results = run_processes(2, 2, tmp_path)
    assert_is_one_process([result["step"] for result in results], BATCH, COTANGENT)

    plain = with_affine(nn.BatchNorm3d(3))
    plain(BATCH)
    scores = torch.cat([result["eval"] for result in results])
    torch.testing.assert_close(scores, plain.eval()(BATCH), atol=1e-4, rtol=1e-4)

    assert {result["half"] for result in results} == {torch.bfloat16}
    assert {result["global"] for result in results} == {SyncBatchNorm3d}

    expected = network_gradients(network_cfg(TINY, SLOW), NETWORK_CLIPS)
    for result in results:
        for name, value in expected.items():
            scale = float(value.abs().max())
            found = result["network"][name]
            torch.testing.assert_close(found, value, rtol=0, atol=1e-3 * scale, msg=name)
            found = result["network_fp16"][name]
            torch.testing.assert_close(found, value, rtol=0, atol=1e-2 * scale + 1e-5, msg=name)
        name = "head.projection.weight"
        torch.testing.assert_close(result["detached"], expected[name], rtol=1e-3, atol=1e-6)


def test_groups_of_two_among_four_processes_are_separate(tmp_path):
    results = run_processes(4, 2, tmp_path)
    steps = [result["step"] for result in results]
    assert_is_one_process(steps[:2], BATCH[:3], COTANGENT[:3])
    assert_is_one_process(steps[2:], BATCH[3:], COTANGENT[3:])
    for result in results:
        assert (
            "BN.NUM_SYNC_DEVICES: found 3, which does not divide the 4 devices"
            in (result["refused"])
        )


def both_kinds_on_one_gpu(rank: int, folder: Path) -> None:
    """Compares the project's layer with PyTorch's in two processes that share a GPU."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    own = slice(sum(CLIPS[2][:rank]), sum(CLIPS[2][: rank + 1]))
    x, cotangent = BATCH[own].cuda(), COTANGENT[own].cuda()
    ours, theirs = (
        one_step(with_affine(kind(3)).cuda(), x, cotangent)
        for kind in (SyncBatchNorm3d, nn.SyncBatchNorm)
    )
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-3, rtol=1e-4, msg=name)
    dist.destroy_process_group()


@pytest.mark.cuda
def test_both_kinds_of_synchronised_norm_agree_on_cuda(tmp_path):
    mp.spawn(both_kinds_on_one_gpu, args=(tmp_path,), nprocs=2)
