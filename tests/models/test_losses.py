"""Losses by name, with upstream's meaning and the published values."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from slowfast.ak.errors import UserError
from slowfast.models.losses import _LOSSES, get_loss_func

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/losses.json").read_text())
UPSTREAM = {
    "cross_entropy",
    "bce",
    "bce_logit",
    "soft_cross_entropy",
    "contrastive_loss",
    "mse",
    "multi_mse",
}


def reference_batch():
    generator = np.random.Generator(np.random.PCG64(7))
    logits = (2 * generator.standard_normal((16, 140))).astype(np.float32)
    targets = (generator.random((16, 140)) < 0.03).astype(np.float32)
    return torch.from_numpy(logits).requires_grad_(), torch.from_numpy(targets)


def test_upstreams_losses_are_there():
    assert {*UPSTREAM, "bce_loss"} <= _LOSSES.keys()
    for name in UPSTREAM:
        get_loss_func(name)(reduction="mean")


BCE_CASES = [case for case in REFERENCE["cases"] if case["loss"] == "bce_loss"]


@pytest.mark.parametrize("name", ["bce_loss", "bce_logit"])
@pytest.mark.parametrize("case", BCE_CASES, ids=lambda case: case.get("reduction", "mean"))
def test_binary_cross_entropy_has_the_reference_value(name, case):
    logits, targets = reference_batch()
    loss = get_loss_func(name)(reduction=case.get("reduction", "mean"))(logits, targets)
    loss.backward()
    assert loss.item() == pytest.approx(case["value"], rel=1e-6)
    assert logits.grad.norm().item() == pytest.approx(case["grad_norm"], rel=1e-5)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("mean", "mean"), ("sum", "sum"), ("none", "none"), (True, "mean"), (False, "none")],
)
def test_bce_loss_takes_the_old_spelling(given, meant):
    logits, targets = reference_batch()
    loss = get_loss_func("bce_loss")
    old, new = loss(reduce=given)(logits, targets), loss(reduction=meant)(logits, targets)
    assert torch.equal(old, new)


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


def test_a_loss_is_added_by_an_entry(monkeypatch):
    monkeypatch.setitem(_LOSSES, "mine", torch.nn.L1Loss)
    assert get_loss_func("mine") is torch.nn.L1Loss
