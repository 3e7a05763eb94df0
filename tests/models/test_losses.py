"""Losses by the name in MODEL.LOSS_FUNC, as upstream's code builds them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError
from slowfast.ak.losses import LOSSES, CountedLoss, context, multi_label_losses
from slowfast.ak.losses.ldam import LDAM
from slowfast.config.defaults import get_cfg
from slowfast.models.losses import _LOSSES, build_loss, get_loss_func, set_loss_epoch

TORCH = {"cross_entropy", "bce", "bce_logit", "soft_cross_entropy", "mse"}


@pytest.fixture
def cfg(tiny_ak):
    cfg = get_cfg()
    cfg.merge_from_list(tiny_ak.opts())
    yield cfg
    context.clear()


def test_losses_have_upstream_names_and_unknown_ones_are_refused():
    assert TORCH | multi_label_losses().keys() == set(_LOSSES.keys())
    for name in TORCH:
        get_loss_func(name)(reduction="mean")
    with pytest.raises(UserError, match=r"MODEL\.LOSS_FUNC = LDAM-DRW: .*did you mean LDAM"):
        get_loss_func("LDAM-DRW")


def test_bce_logit_is_bce_loss():
    logits, targets = torch.randn(4, 3), torch.rand(4, 3)
    loss, ours = (get_loss_func(name)(reduction="mean") for name in ("bce_logit", "bce_loss"))
    assert torch.equal(loss(logits, targets), ours(logits, targets))


def test_soft_cross_entropy_takes_distributions():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0.2, 0.8, 0], [1, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0.5]])
    expected = -(targets * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(get_loss_func("soft_cross_entropy")()(logits, targets), expected)


@pytest.mark.parametrize("name", multi_label_losses())
def test_a_configured_loss_has_the_values_of_its_keys(cfg, name):
    cfg.MODEL.LOSS_FUNC = name
    node = cfg.LOSS.get(name.upper(), {})
    for key, value in node.items():
        node[key] = [0.5] if isinstance(value, list) else 0.5
    cfg.RNG_SEED = 11
    loss = build_loss(cfg)
    assert type(loss) is LOSSES[name]
    assert loss.reduction == "mean"
    if name == "LDAM":
        assert (loss.max_m, loss.s, loss.stages) == (0.5, 0.5, [(0.5, 0.5)])
    elif name == "asymmetric_loss":
        assert (loss.gamma_pos, loss.gamma_neg) == (0.5, 0.5)
    else:
        assert all(getattr(loss, key.lower()) == 0.5 for key in node)
    if isinstance(loss, CountedLoss):
        assert loss.state.counts.tolist() == [4, 3, 2, 2, 1]
        assert (loss.state.num_clips, loss.state.seed, loss.state.rank) == (8, 11, 0)


def test_given_counts_are_used_and_their_number_is_checked(cfg):
    cfg.MODEL.LOSS_FUNC = "EQL"
    assert build_loss(cfg, [9, 8, 7, 6, 5]).state.counts.tolist() == [9, 8, 7, 6, 5]
    with pytest.raises(UserError, match=r"class_counts: found 2 numbers, expected 5"):
        build_loss(cfg, [9, 8])


def test_only_a_loss_that_needs_counts_reads_the_list(cfg):
    cfg.DATA.PATH_TO_DATA_DIR = "nowhere"
    cfg.MODEL.LOSS_FUNC = "focal_loss"
    build_loss(cfg)
    cfg.MODEL.LOSS_FUNC = "LDAM"
    with pytest.raises(UserError, match="there is no such frame list"):
        build_loss(cfg)


def test_after_build_loss_other_losses_need_no_counts(cfg):
    with pytest.raises(UserError, match="LDAM: needs class_counts"):
        get_loss_func("LDAM")(reduction="mean")
    cfg.MODEL.LOSS_FUNC = "bce_loss"
    plain = build_loss(cfg)
    set_loss_epoch(plain, 80)
    loss = get_loss_func("LDAM")(reduction="mean")
    assert loss.state.counts.tolist() == [4, 3, 2, 2, 1]
    assert loss.state.epoch.item() == 80


def test_a_loss_that_a_user_adds_has_keys_counts_and_epochs(cfg, monkeypatch):
    def mine(reduction, power):
        return LDAM(s=2**power, reduction=reduction)

    monkeypatch.setitem(_LOSSES, "mine", mine)
    cfg.LOSS.MINE = type(cfg)({"POWER": 3})
    cfg.MODEL.LOSS_FUNC = "mine"
    loss = build_loss(cfg)
    assert loss.s == 8
    set_loss_epoch(loss, 2)
    assert loss.state.epoch.item() == 2
    set_loss_epoch(torch.nn.MSELoss(), 3)
    assert loss.state.epoch.item() == 3


def test_the_losses_are_a_dict_to_programs_written_for_upstream(monkeypatch):
    monkeypatch.setattr(_LOSSES, "_entries", dict(_LOSSES._entries))
    _LOSSES.update({"mine": nn.MSELoss})
    assert _LOSSES["mine"] is nn.MSELoss
    assert "mine" in list(_LOSSES)
    assert dict(_LOSSES)["mine"] is nn.MSELoss
    assert _LOSSES.pop("mine") is nn.MSELoss


def test_networks_can_be_imported_by_name():
    from slowfast.models import MODEL_REGISTRY, SlowFast

    assert SlowFast is MODEL_REGISTRY.get("SlowFast")
