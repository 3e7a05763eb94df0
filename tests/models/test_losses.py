"""Losses by name, with upstream's meaning and the published values."""

import inspect

import pytest
import torch
from torch.nn import functional as F

from slowfast.ak.config import KEYS
from slowfast.ak.errors import UserError
from slowfast.ak.losses import LDAM, LOSSES, CountedLoss, context
from slowfast.config.defaults import get_cfg
from slowfast.models.losses import _LOSSES, build_loss, get_loss_func, set_loss_epoch

UPSTREAM = {
    "cross_entropy",
    "bce",
    "bce_logit",
    "soft_cross_entropy",
    "contrastive_loss",
    "mse",
    "multi_mse",
}


@pytest.fixture
def cfg(tiny_ak):
    cfg = get_cfg()
    cfg.merge_from_list(tiny_ak.opts())
    yield cfg
    context.clear()


def test_upstreams_losses_are_there():
    assert UPSTREAM | LOSSES.keys() == _LOSSES.keys()
    for name in UPSTREAM:
        get_loss_func(name)(reduction="mean")


def test_bce_logit_is_bce_loss():
    logits, targets = torch.randn(4, 3), torch.rand(4, 3)
    loss, ours = (get_loss_func(name)(reduction="mean") for name in ("bce_logit", "bce_loss"))
    assert torch.equal(loss(logits, targets), ours(logits, targets))


def test_soft_cross_entropy_takes_distributions():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0.2, 0.8, 0], [1, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0.5]])
    expected = -(targets * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(get_loss_func("soft_cross_entropy")()(logits, targets), expected)


def test_the_contrastive_loss_wants_the_first_to_be_nearest():
    near, far = torch.tensor([[9.0, 0, 0]]), torch.tensor([[0, 9.0, 0]])
    loss = get_loss_func("contrastive_loss")(reduction="mean")
    assert loss(near).item() < 0.01
    assert loss(far, torch.zeros(1)).item() > 8


def test_several_squared_errors_are_weighted_and_added():
    loss = get_loss_func("multi_mse")(reduction="mean")
    total, terms = loss([torch.ones(2), torch.zeros(3)], [torch.zeros(2), (torch.ones(3), 0.5)])
    assert total.item() == 1.5
    assert [term.item() for term in terms] == [1.0, 0.5]


def test_an_unknown_loss_is_said_with_the_nearest():
    with pytest.raises(UserError, match=r"MODEL\.LOSS_FUNC.*'bce_los'; did you mean bce_loss"):
        get_loss_func("bce_los")
    with pytest.raises(UserError, match="there are cross_entropy"):
        get_loss_func("xyz")
    for name in ("LDAM-DRW", "ldam"):
        with pytest.raises(UserError, match="did you mean LDAM"):
            get_loss_func(name)
    with pytest.raises(UserError, match=r"did you mean .*focal_loss"):
        get_loss_func("focal")


def test_a_loss_is_added_by_an_entry(monkeypatch):
    monkeypatch.setitem(_LOSSES, "mine", torch.nn.L1Loss)
    assert get_loss_func("mine") is torch.nn.L1Loss


@pytest.mark.parametrize("key", [key for key in KEYS if key.count(".") == 2 and "LOSS." in key])
def test_a_key_is_an_argument_of_its_loss_with_the_same_default(key):
    _, node, leaf = key.split(".")
    (loss,) = (loss for name, loss in LOSSES.items() if name.upper() == node)
    default = inspect.signature(loss).parameters[leaf.lower()].default
    given = KEYS[key].default
    assert given == ([default] if isinstance(given, list) else default)


def test_every_argument_has_a_key():
    for name, loss in LOSSES.items():
        for argument, parameter in inspect.signature(loss).parameters.items():
            shared = argument in ("class_counts", "num_clips", "seed", "rank")
            if parameter.kind is not parameter.VAR_KEYWORD and loss is not LOSSES["bce_loss"]:
                assert shared or f"LOSS.{name.upper()}.{argument.upper()}" in KEYS


@pytest.mark.parametrize("name", LOSSES)
def test_builds_the_configured_loss_with_its_keys(cfg, name):
    cfg.MODEL.LOSS_FUNC = name
    node = cfg.LOSS.get(name.upper(), {})
    for key, value in node.items():
        node[key] = [0.5] if isinstance(value, list) else 0.5
    cfg.RNG_SEED = 11
    loss = build_loss(cfg)
    assert type(loss) is LOSSES[name].__wrapped__
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


def test_given_counts_are_taken_and_checked_against_the_classes(cfg):
    cfg.MODEL.LOSS_FUNC = "EQL"
    assert build_loss(cfg, [9, 8, 7, 6, 5]).state.counts.tolist() == [9, 8, 7, 6, 5]
    with pytest.raises(UserError, match=r"class_counts: 2 numbers; MODEL.NUM_CLASSES is 5"):
        build_loss(cfg, [9, 8])


def test_a_loss_that_needs_no_counts_needs_no_list(cfg):
    cfg.DATA.PATH_TO_DATA_DIR = "nowhere"
    cfg.MODEL.LOSS_FUNC = "focal_loss"
    build_loss(cfg)
    cfg.MODEL.LOSS_FUNC = "LDAM"
    with pytest.raises(UserError, match="there is no such frame list"):
        build_loss(cfg)


def test_after_a_loss_was_configured_others_are_built_without_counts(cfg):
    with pytest.raises(UserError, match="LDAM: needs class_counts"):
        get_loss_func("LDAM")(reduction="mean")
    cfg.MODEL.LOSS_FUNC = "bce_loss"
    plain = build_loss(cfg)
    set_loss_epoch(plain, 80)
    loss = get_loss_func("LDAM")(reduction="mean")
    assert loss.state.counts.tolist() == [4, 3, 2, 2, 1]
    assert loss.state.epoch.item() == 80


def test_a_loss_of_ones_own_has_keys_counts_and_epochs(cfg, monkeypatch):
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
