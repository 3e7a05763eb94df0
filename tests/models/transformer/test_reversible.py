"""A reversible trunk has the gradients of plain backpropagation, and keeps less."""

import pytest
import torch
from torch import nn

from slowfast.models.transformer.attention import AttentionSpec
from slowfast.models.transformer.block import BlockSpec
from slowfast.models.transformer.reversible import ReversibleBlock, ReversibleTrunk
from slowfast.models.transformer.tokens import Pooling

GRID = (2, 4, 4)
DROPS = {"dropout": 0.2, "drop_path": 0.3}


def trunk(depth=3, transitions=(1,), fusion="avg", **more) -> ReversibleTrunk:
    """Blocks of 8 channels; the transitions double them and halve height and width."""
    torch.manual_seed(0)
    specs, channels = [], 8
    for number in range(depth):
        wider = 2 if number in transitions else 1
        joined = 1 if fusion == "avg" or number not in transitions else 2
        attention = AttentionSpec(
            *(channels * joined, channels * wider, 2, GRID),
            pool_q=Pooling((1, 3, 3), (1, 2, 2)) if number in transitions else None,
            pool_kv=Pooling((3, 3, 3), (1, 2, 2)),
            dropout=more.get("dropout", 0.0),
        )
        specs.append(BlockSpec(attention, channels * wider, **more))
        channels *= wider
    return ReversibleTrunk(specs, transitions, fusion)


def tokens(dtype=torch.float64, count=4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 32, 8, dtype=dtype, generator=generator, requires_grad=True)


def plainly(model: ReversibleTrunk, x: torch.Tensor) -> torch.Tensor:
    """The trunk by its formula, with the usual backpropagation."""
    x1, x2, grid = x, x, GRID
    for layer in model.layers:
        if isinstance(layer, ReversibleBlock):
            x1 = x1 + layer.F(x2, grid)
            x2 = x2 + layer.G(x1)
        else:
            x1, grid = layer(torch.cat([x1, x2], dim=-1), grid)
            x2 = x1
    return torch.cat([x1, x2], dim=-1)


def gradients(model: nn.Module, y: torch.Tensor, x: torch.Tensor) -> list[torch.Tensor]:
    inputs = [x, *(p for p in model.parameters() if p.requires_grad)]
    return torch.autograd.grad(y.sin().sum(), inputs, allow_unused=True)


@pytest.mark.parametrize("drops", [{}, DROPS], ids=["no drops", "drops"])
@pytest.mark.parametrize("fusion", ["avg", "concat", "concat_linear_2"])
def test_gradients_are_those_of_plain_backpropagation(fusion, drops):
    model, x = trunk(fusion=fusion, **drops).double(), tokens()
    torch.manual_seed(5)
    y, grid = model(x, GRID)
    found = gradients(model, y, x)
    after = torch.rand(3)
    torch.manual_seed(5)
    expected = plainly(model, x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(found, gradients(model, expected, x), rtol=0, atol=1e-10)
    assert grid == (2, 2, 2)
    torch.manual_seed(5)
    plainly(model, x)
    assert torch.equal(after, torch.rand(3)), "the backward pass leaves the generator as it was"


def test_evaluation_and_runs_without_gradients_give_the_same():
    model, x = trunk().double(), tokens()
    expected = plainly(model, x)
    with torch.no_grad():
        torch.testing.assert_close(model(x, GRID)[0], expected)
    torch.testing.assert_close(model.eval()(x, GRID)[0], expected)


def test_frozen_branches_get_no_gradient_and_change_no_other():
    model, x = trunk(transitions=()).double(), tokens()
    for branch in (model.layers[0].F, model.layers[2].G.mlp.fc1):
        branch.requires_grad_(False)
    y, _ = model(x, GRID)
    found = gradients(model, y, x)
    torch.testing.assert_close(found, gradients(model, plainly(model, x), x), rtol=0, atol=1e-10)
    model(x, GRID)[0].sum().backward()
    assert model.layers[0].F.attn.qkv.weight.grad is None
    assert model.layers[2].G.mlp.fc2.weight.grad is not None


def test_half_precision_has_the_gradients_of_plain_backpropagation():
    """The streams stay in float32, so that they can be recovered."""
    model, x = trunk(transitions=()), tokens(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = model(x, GRID)
        expected = plainly(model, x)
    assert y.dtype == torch.float32
    for own, usual in zip(gradients(model, y, x), gradients(model, expected, x), strict=True):
        assert (own - usual).abs().max() < 0.02 * usual.abs().max()


def kept(model: nn.Module, forward) -> int:
    """The bytes that a forward pass keeps for the backward pass, without parameters."""
    own = {p.data_ptr() for p in model.parameters()}
    found = {}

    def note(x: torch.Tensor) -> torch.Tensor:
        if x.untyped_storage().data_ptr() not in own:
            found[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        output = forward()  # kept, so that no storage is used twice
    del output
    return sum(found.values())


def test_what_is_kept_does_not_grow_with_the_number_of_blocks():
    x = tokens(torch.float32)
    shallow, deep = trunk(2, transitions=()), trunk(12, transitions=())
    few, many = (kept(m, lambda m=m: m(x, GRID)) for m in (shallow, deep))
    assert few == many == 2 * x.numel() * 4
    assert kept(deep, lambda: plainly(deep, x)) > 50 * many
