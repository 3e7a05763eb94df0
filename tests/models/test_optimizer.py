"""Parameter groups, steps and saved state of the optimizer, and gradient clipping."""

import copy

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.models import build_model
from slowfast.models.optimizer import (
    clip_gradients,
    construct_optimizer,
    get_epoch_lr,
    parameter_groups,
    set_lr,
)
from tests.models.network_cases import SLOWFAST, TINY, X3D, network_cfg


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


def test_vectors_have_no_decay_with_exempt_vectors():
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


def test_an_unknown_method_is_refused(cfg):
    cfg.SOLVER.OPTIMIZING_METHOD = "lamb"
    with pytest.raises(UserError, match=r"SOLVER\.OPTIMIZING_METHOD.*'lamb'.* or adamw\."):
        construct_optimizer(make_model(), cfg)


def test_the_learning_rate_of_an_epoch_goes_to_all_groups(cfg):
    cfg.SOLVER.MAX_EPOCH = 10
    optimizer = construct_optimizer(make_model(), cfg)
    set_lr(optimizer, get_epoch_lr(5, cfg))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize("family", [SLOWFAST, X3D], ids=["slowfast", "x3d"])
def test_layers_learn_slower_the_further_they_are_from_the_head(family):
    cfg = network_cfg(TINY, family, {"SOLVER.LAYER_DECAY": 0.5, "BN.WEIGHT_DECAY": 0.01})
    model = build_model(cfg)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    optimizer = construct_optimizer(model, cfg)
    set_lr(optimizer, 0.2)
    found = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            found[names[id(parameter)]] = (group["lr"], group["weight_decay"])
    assert found.keys() == set(names.values())
    layers = ["s1", "s2", "s3", "s4", "s5", "head"]
    for name, (rate, decay) in found.items():
        layer = layers.index(name.split(".")[0].removesuffix("_fuse"))
        assert rate == pytest.approx(0.2 * 0.5 ** (5 - layer)), name
        is_norm = isinstance(model.get_submodule(name.rpartition(".")[0]), nn.BatchNorm3d)
        assert decay == (0.01 if is_norm else 0.0001), name


def test_layer_decay_of_a_network_without_layers_is_refused(cfg):
    cfg.SOLVER.LAYER_DECAY = 0.5
    with pytest.raises(UserError, match=r"SOLVER\.LAYER_DECAY.*Sequential does not know the order"):
        construct_optimizer(make_model(), cfg)


def test_a_network_can_name_parameters_that_never_decay(cfg):
    model = make_model()
    model.undecayed = lambda: ["0.weight"]
    groups = groups_of(model, weight_decay=0.1, norm_weight_decay=0.01)
    assert groups[2] == (0, ["0.weight"])


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


def make_convolution(layout=torch.contiguous_format):
    torch.manual_seed(0)
    convolution = nn.Conv3d(3, 4, 2)
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=layout)
    return convolution


def take_steps(model, optimizer, count=3):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 3, 4, 5, generator=generator)).square().mean().backward()
        optimizer.step()


METHODS = pytest.mark.parametrize("method", ["sgd", "adam", "adamw"])


@METHODS
def test_fused_kernels_take_the_same_steps(cfg, method):
    cfg.SOLVER.OPTIMIZING_METHOD = method
    weights = {}
    for fused in (True, False):
        cfg.SPEED.FUSED_OPTIMIZER = fused
        model = make_convolution()
        optimizer = construct_optimizer(model, cfg)
        # None, not False: with False PyTorch would not use its foreach kernels on CUDA.
        assert [group["fused"] for group in optimizer.param_groups] == [fused or None]
        take_steps(model, optimizer)
        weights[fused] = model.weight.detach()
    torch.testing.assert_close(weights[True], weights[False])


@METHODS
@pytest.mark.parametrize("fused", [True, False])
def test_saved_state_can_be_loaded_with_any_layout_and_any_kernel(cfg, method, fused):
    """Fused kernels of the CPU combine numbers by their position in memory, not by strides."""
    cfg.SOLVER.OPTIMIZING_METHOD = method
    cfg.SPEED.FUSED_OPTIMIZER = not fused
    plain = make_convolution()
    before = construct_optimizer(plain, cfg)
    take_steps(plain, before)
    saved = copy.deepcopy(before.state_dict())
    assert {group["fused"] for group in saved["param_groups"]} == {None}

    cfg.SPEED.FUSED_OPTIMIZER = fused
    model = make_convolution(torch.channels_last_3d)
    model.load_state_dict(plain.state_dict())
    optimizer = construct_optimizer(model, cfg)
    optimizer.load_state_dict(saved)
    assert {group["fused"] for group in optimizer.param_groups} == {fused or None}
    for each in (plain, before), (model, optimizer):
        take_steps(*each)
    assert not model.weight.is_contiguous()
    torch.testing.assert_close(model.weight, plain.weight)


@METHODS
def test_a_first_step_that_the_scaler_skips_changes_nothing(cfg, method):
    """PyTorch's fused SGD would continue with an uninitialised momentum."""
    cfg.SOLVER.OPTIMIZING_METHOD = method
    weights = []
    for skipped in (True, False):
        model = make_convolution()
        optimizer = construct_optimizer(model, cfg)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
        if skipped:
            scaler.scale(model.weight.sum()).backward()
            model.weight.grad.fill_(float("inf"))
            scaler.step(optimizer)
            scaler.update()
            assert torch.equal(model.weight, make_convolution().weight)
        take_steps(model, optimizer)
        weights.append(model.weight.detach())
    assert torch.equal(*weights)


def test_dampening_does_not_change_the_first_step(cfg):
    cfg.SOLVER.NESTEROV = False
    cfg.SOLVER.DAMPENING = 0.5
    cfg.SOLVER.WEIGHT_DECAY = 0.0
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    optimizer = construct_optimizer(model, cfg)
    set_lr(optimizer, 0.5)
    model.weight.grad = torch.ones(1, 1)
    optimizer.step()
    assert model.weight.item() == pytest.approx(before - 0.5)
