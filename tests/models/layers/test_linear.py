"""`OneDnnLinear` agrees with PyTorch's layer, and replaces it under the same names."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from slowfast.models.layers.linear import OneDnnLinear, replace_linear

pytestmark = pytest.mark.skipif(not OneDnnLinear.is_available(), reason="PyTorch lacks oneDNN")


def results(layer, x):
    """The output, and the gradients of the input and of all parameters."""
    x = x.detach().requires_grad_()
    out = layer(x)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return [out, *torch.autograd.grad(out, (x, *layer.parameters()), grad)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(7, 5), (3, 50, 12), (2, 3, 4, 33), (1, 1), (5, 1)])
@pytest.mark.parametrize("channels", [1, 8, 40])
def test_values_and_gradients_agree_with_torch(size, channels, bias):
    torch.manual_seed(0)
    theirs = nn.Linear(size[-1], channels, bias=bias)
    ours = OneDnnLinear.sharing(theirs)
    assert ours.weight is theirs.weight
    inputs = torch.randn(2, *size)
    for x in (inputs[0], inputs.transpose(0, -2), inputs.expand(3, 2, *size)):
        for mine, reference in zip(results(ours, x), results(theirs, x), strict=True):
            assert (mine - reference).abs().max() <= 1e-5 * reference.abs().max()
        with torch.no_grad():
            torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wanted", ["x", "weight", "bias"])
def test_only_the_wanted_gradients_are_computed(wanted):
    layer = OneDnnLinear(4, 6)
    given = {"x": torch.randn(3, 4), "weight": layer.weight, "bias": layer.bias}
    for name, tensor in given.items():
        tensor.requires_grad_(name == wanted)
    layer(given["x"]).sum().backward()
    assert [name for name, tensor in given.items() if tensor.grad is not None] == [wanted]


def test_other_types_autocast_and_empty_batches_are_computed_as_by_torch():
    theirs = nn.Linear(4, 6)
    ours = OneDnnLinear.sharing(theirs)
    assert ours(torch.zeros(0, 4)).shape == (0, 6)
    with torch.autocast("cpu", torch.bfloat16):
        x = torch.randn(3, 4)
        assert torch.equal(ours(x), theirs(x))
    x = torch.randn(3, 4, dtype=torch.float64)
    assert torch.equal(copy.deepcopy(ours).double()(x), copy.deepcopy(theirs).double()(x))


def test_layers_are_replaced_under_their_names_and_the_state_dict_stays():
    model = nn.Sequential(nn.Linear(3, 4), nn.ModuleDict({"head": nn.Linear(4, 2)})).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert replace_linear(model) == 2
    assert [type(layer) for layer in (model[0], model[1]["head"])] == [OneDnnLinear] * 2
    assert not model[0].training
    assert replace_linear(model) == 0
    for name, value in model.state_dict().items():
        assert torch.equal(value, before.pop(name))
    assert not before


def test_the_classifier_stays():
    head = nn.ModuleDict({"mlp": nn.Linear(4, 4), "projection": nn.Linear(4, 2)})
    model = nn.ModuleDict({"head": head})
    assert replace_linear(model) == 1
    assert [type(layer) for layer in head.values()] == [OneDnnLinear, nn.Linear]


def test_exported_and_traced_programs_have_torchs_layer():
    model, x = nn.Sequential(OneDnnLinear(3, 4)), torch.randn(2, 3)
    program = torch.export.export(model.eval(), (x,))
    assert "mkldnn" not in str(program.graph)
    assert "mkldnn" not in str(torch.jit.trace(model, x).graph)


def test_the_products_are_counted_by_pytorchs_counter():
    x = torch.randn(2, 3, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        OneDnnLinear(3, 4)(x).sum().backward()
    assert counter.get_total_flops() == 3 * 2 * 2 * 3 * 4
