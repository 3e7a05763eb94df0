"""The optimizer's groups, and what a step does to gradients."""

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.models.optimizer import (
    clip_gradients,
    construct_optimizer,
    get_epoch_lr,
    parameter_groups,
    set_lr,
)


@pytest.fixture
def cfg():
    cfg = get_cfg()
    cfg.BN.WEIGHT_DECAY = 0.01
    cfg.SOLVER.WEIGHT_DECAY = 0.1
    return cfg


def make_model():
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.LayerNorm(4), nn.Linear(4, 2))
    model.scale = nn.Parameter(torch.ones(3))
    model.tied = model[3]
    return model


def groups_of(model, **kwargs):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        (group["weight_decay"], [names[id(parameter)] for parameter in group["params"]])
        for group in parameter_groups(model, **kwargs)
    ]


def test_groups_have_the_published_order():
    assert groups_of(make_model(), weight_decay=0.1, norm_weight_decay=0.01) == [
        (0.01, ["1.weight", "1.bias"]),
        (0.1, ["scale", "0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias"]),
    ]


def test_vectors_are_exempt_where_asked():
    groups = groups_of(make_model(), weight_decay=0.1, norm_weight_decay=0, exempt_vectors=True)
    assert groups == [
        (0, ["1.weight", "1.bias"]),
        (0.1, ["0.weight", "3.weight"]),
        (0, ["scale", "0.bias", "2.weight", "2.bias", "3.bias"]),
    ]


def test_frozen_parameters_and_empty_groups_are_left_out(cfg):
    model = make_model()
    model[1].requires_grad_(False)
    model[0].requires_grad_(False)
    assert groups_of(model, weight_decay=0.1, norm_weight_decay=0) == [
        (0.1, ["scale", "2.weight", "2.bias", "3.weight", "3.bias"])
    ]
    with pytest.raises(UserError, match="no trainable parameter"):
        construct_optimizer(model.requires_grad_(False), cfg)


@pytest.mark.parametrize(
    ("method", "kind"),
    [("sgd", "SGD"), ("adam", "Adam"), ("adamw", "AdamW")],
)
def test_the_configured_optimizer_is_made(cfg, method, kind):
    cfg.SOLVER.OPTIMIZING_METHOD = method
    cfg.SOLVER.BETAS = [0.8, 0.95]
    optimizer = construct_optimizer(make_model(), cfg)
    assert type(optimizer) is getattr(torch.optim, kind)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.1]
    if method == "sgd":
        assert (optimizer.defaults["momentum"], optimizer.defaults["nesterov"]) == (0.9, True)
    else:
        assert optimizer.defaults["betas"] == (0.8, 0.95)


def test_sgd_does_what_its_formula_says(cfg):
    """g + wd w; v = mu v + g; w - lr (g + mu v), for Nesterov momentum."""
    model = nn.Linear(3, 1, bias=False)
    weight = model.weight.detach().clone()
    optimizer = construct_optimizer(model, cfg)
    velocity = torch.zeros_like(weight)
    for lr in (0.5, 0.25, 0.1):
        set_lr(optimizer, lr)
        model.weight.grad = torch.tensor([[1.0, -2.0, 3.0]])
        optimizer.step()
        gradient = model.weight.grad + 0.1 * weight
        velocity = 0.9 * velocity + gradient
        weight = weight - lr * (gradient + 0.9 * velocity)
    torch.testing.assert_close(model.weight.detach(), weight)


@pytest.mark.parametrize("method", ["lamb", "mt_adamw"])
def test_an_unknown_method_is_said(cfg, method):
    cfg.SOLVER.OPTIMIZING_METHOD = method
    with pytest.raises(UserError, match=rf"SOLVER\.OPTIMIZING_METHOD.*'{method}'.* or adamw\."):
        construct_optimizer(make_model(), cfg)


def test_the_learning_rate_of_an_epoch_goes_to_all_groups(cfg):
    cfg.SOLVER.MAX_EPOCH = 10
    optimizer = construct_optimizer(make_model(), cfg)
    set_lr(optimizer, get_epoch_lr(5, cfg))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize(
    ("value", "norm", "expected"),
    [
        (None, None, [3.0, -4.0]),
        (0.0, 0.0, [3.0, -4.0]),
        (1.0, None, [1.0, -1.0]),
        (None, 1.0, [0.6, -0.8]),
        (None, 10.0, [3.0, -4.0]),
    ],
)
def test_gradients_are_clipped_and_measured(value, norm, expected):
    model = nn.Linear(2, 1)
    model.weight.grad = torch.tensor([[3.0, -4.0]])
    assert clip_gradients(model, value, norm).item() == 5.0
    torch.testing.assert_close(model.weight.grad, torch.tensor([expected]))
    assert model.bias.grad is None
