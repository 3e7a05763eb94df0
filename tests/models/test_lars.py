"""LARS takes upstream's steps, and keeps the weight decay of vectors, which upstream drops."""

import copy
import json
import zlib
from pathlib import Path

import pytest
import torch
from torch import nn

from reference_parts.networks import fill_by_name, normal
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import set_value
from slowfast.models.optimizer import construct_optimizer, set_lr

CASES = json.loads((Path(__file__).parents[1] / "reference/lars.json").read_text())["cases"]
VECTORS = ("conv.bias", "fc.bias")


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(2, 2))
        self.conv, self.bn = nn.Conv3d(2, 3, (1, 2, 2)), nn.BatchNorm3d(3)
        self.fc = nn.Linear(3, 2)


def optimizer_of(case, **settings):
    """The model and the optimizer of a case."""
    cfg = get_cfg()
    for key, value in {**case["settings"], **settings}.items():
        set_value(cfg, key, value)
    model = Model()
    fill_by_name(model)
    nn.init.zeros_(model.zero)
    return model, construct_optimizer(model, cfg)


def take_step(model, optimizer, number, lr):
    for name, parameter in model.named_parameters():
        parameter.grad = 0.1 * normal(zlib.crc32(f"grad{number}.{name}".encode()), parameter.shape)
    set_lr(optimizer, lr)
    optimizer.step()


def values_after_steps(case, **settings):
    """The parameters after each step of a case, and the optimizer."""
    model, optimizer = optimizer_of(case, **settings)
    found = []
    for number, step in enumerate(case["steps"], start=1):
        take_step(model, optimizer, number, step["lr"])
        found.append({n: p.detach().flatten().clone() for n, p in model.named_parameters()})
    return found, optimizer


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_steps_agree_with_the_reference(case, fused):
    settings = case["settings"]
    vectors_differ = settings["SOLVER.LARS_ON"] and not settings.get("SOLVER.ZERO_WD_1D_PARAM")
    found, optimizer = values_after_steps(case, **{"SPEED.FUSED_OPTIMIZER": fused})
    for values, step in zip(found, case["steps"], strict=True):
        for name, expected in step["parameters"].items():
            if not (vectors_differ and name in VECTORS):
                torch.testing.assert_close(values[name], torch.tensor(expected), atol=2e-6, rtol=0)
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    assert decays == case["weight_decay_of_groups_afterwards"]
    flags = [group["apply_LARS"] for group in optimizer.param_groups]
    assert flags == [group["apply_LARS"] for group in case["groups"]]


def test_vectors_have_the_same_step_with_lars_and_without():
    """Upstream's have no weight decay with LARS; the reference without LARS has it."""
    with_lars, without = CASES[0], CASES[3]
    assert not without["settings"]["SOLVER.LARS_ON"]
    found, _ = values_after_steps(with_lars)
    for values, step in zip(found, without["steps"], strict=True):
        for name in VECTORS:
            expected = torch.tensor(step["parameters"][name])
            torch.testing.assert_close(values[name], expected, atol=2e-6, rtol=0)
    upstream = torch.tensor(with_lars["steps"][1]["parameters"]["fc.bias"])
    assert not torch.allclose(found[1]["fc.bias"], upstream, atol=1e-5)


def test_a_matrix_without_a_gradient_is_left_out():
    model, optimizer = optimizer_of(CASES[0])
    before = model.fc.weight.detach().clone()
    for parameter in (model.zero, model.conv.weight):
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert torch.equal(model.fc.weight, before)
    assert torch.isfinite(model.conv.weight).all()


def test_saved_momenta_continue():
    found, _ = values_after_steps(CASES[0])
    model, optimizer = optimizer_of(CASES[0])
    take_step(model, optimizer, 1, 0.6)
    weights, momenta = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    model, optimizer = optimizer_of(CASES[0])
    model.load_state_dict(weights)
    optimizer.load_state_dict(momenta)
    take_step(model, optimizer, 2, 0.3)
    assert torch.equal(model.conv.weight.detach().flatten(), found[1]["conv.weight"])
