"""Layers are frozen on a branch that lacks the keys, and left to a branch that has them."""

import copy

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import HEAD, FrozenNorm, freeze_norms
from slowfast.ak.upstream import config
from slowfast.ak.upstream.config import LENT_KEYS, add_ak_keys
from slowfast.ak.upstream.older_branches.frozen_layers import freeze_as_configured
from slowfast.models.batchnorm_helper import SubBatchNorm3d
from tests.ak.upstream.conftest import defaults

CLIPS = torch.randn(4, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    def __init__(self, norm=nn.BatchNorm3d):
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(3, 6, 1), norm(6), nn.ReLU())
        self.head = nn.Module()
        self.head.projection = nn.Linear(6, 5)

    def forward(self, x):
        return self.head.projection(self.body(x).mean(dim=(2, 3, 4)))


def configured(branch, **keys):
    cfg = defaults(branch)
    add_ak_keys(cfg)
    cfg.MODEL.update(keys)
    return cfg


BOTH = {"DETACH_FINAL_FC": True, "FROZEN_BN": True}


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def train(model, steps=2):
    """Trains all parameters, with weight decay, as upstream's loop and optimizer do."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=0.1)
    for _ in range(steps):
        model.train()
        optimizer.zero_grad()
        model(CLIPS).square().mean().backward()
        optimizer.step()
    return model


def test_on_a_branch_with_the_keys_nothing_is_done():
    model = Network()
    assert freeze_as_configured(model, configured("main", **BOTH)) is model
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert type(model.body[1]) is nn.BatchNorm3d


def test_without_the_keys_nothing_is_frozen():
    model = Network()
    assert freeze_as_configured(model, configured("haooooooqi-patch-2")) is model
    before = state(model)
    after = state(train(model))
    assert not any(torch.equal(before[name], after[name]) for name in before)


class OtherSubNorm(nn.Module):
    """A sub-batch norm like upstream's: no batch norm itself, but its parts have statistics."""

    def __init__(self, size):
        super().__init__()
        self.weight, self.bias = (nn.Parameter(torch.ones(size)) for _ in range(2))
        self.bn, self.split_bn = (nn.BatchNorm3d(n * size, affine=False) for n in (1, 2))

    def forward(self, x):
        assert not self.training, "the statistics of the parts would change"
        return self.bn(x) * self.weight.view(-1, 1, 1, 1) + self.bias.view(-1, 1, 1, 1)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm3d,
        nn.SyncBatchNorm,
        lambda size: SubBatchNorm3d(size, num_splits=2),
        OtherSubNorm,
    ],
    ids=["plain", "sync", "sub", "upstream's sub"],
)
def test_only_the_projection_is_trained(norm):
    model = freeze_as_configured(Network(norm), configured("haooooooqi-patch-2", **BOTH))
    before = state(model)
    after = state(train(model))
    assert {n for n in before if not torch.equal(before[n], after[n])} == {
        f"{HEAD}weight",
        f"{HEAD}bias",
    }


def test_frozen_bn_freezes_the_parameters_of_norms_only():
    cfg = configured("haooooooqi-patch-2", FROZEN_BN=True)
    model = freeze_as_configured(Network(OtherSubNorm), cfg)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"body.1.weight", "body.1.bias"}


def test_gradients_pass_through_frozen_norms():
    model = freeze_as_configured(Network(), configured("haooooooqi-patch-2", FROZEN_BN=True))
    before = state(model)
    after = state(train(model))
    assert {n for n in before if torch.equal(before[n], after[n])} == {
        f"body.1.{n}"
        for n in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }


def test_detach_final_fc_leaves_norm_statistics_running():
    keys = {"DETACH_FINAL_FC": True}
    model = freeze_as_configured(Network(), configured("haooooooqi-patch-2", **keys))
    before, after = state(model), state(train(model))
    assert not torch.equal(before["body.1.running_mean"], after["body.1.running_mean"])
    assert torch.equal(before["body.1.weight"], after["body.1.weight"])


def test_a_frozen_norm_keeps_its_kind_and_can_be_copied():
    model = Network()
    names = list(model.state_dict())
    freeze_norms(model)
    freeze_norms(model)  # a second call changes nothing
    assert isinstance(model.body[1], nn.BatchNorm3d)
    assert type(model.body[1]).__mro__.count(FrozenNorm) == 1
    twin = copy.deepcopy(model).train()
    assert not twin.body[1].training
    assert list(twin.state_dict()) == names


def test_precise_bn_skips_frozen_norms():
    from fvcore.nn.precise_bn import get_bn_modules

    model = Network()
    assert get_bn_modules(model.train())
    freeze_norms(model)
    assert not get_bn_modules(model.train())


def test_a_network_without_a_projection_is_refused():
    with pytest.raises(UserError, match=r"head.projection.\* only, and Linear has no such"):
        freeze_as_configured(nn.Linear(2, 3), configured("haooooooqi-patch-2", **BOTH))


def _train_wrapped(rank, init, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    config.lent = set(LENT_KEYS)
    torch.manual_seed(0)
    cfg = configured("haooooooqi-patch-2", **BOTH)
    model = freeze_as_configured(DistributedDataParallel(Network()), cfg)
    before = state(model.module)
    CLIPS.mul_(rank + 1)
    train(model, steps=3)  # the second step would wait for missing gradients
    torch.save((before, state(model.module)), f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


def test_processes_train_the_projection_together(tmp_path):
    mp.spawn(_train_wrapped, args=(f"file://{tmp_path}/meet", str(tmp_path)), nprocs=2)
    (before, one), (_, other) = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    changed = {name for name in one if not torch.equal(one[name], before[name])}
    assert changed == {f"{HEAD}weight", f"{HEAD}bias"}
