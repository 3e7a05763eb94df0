"""`DepthwiseConv3d` agrees with PyTorch's layer, and replaces it under the same names."""

import pytest
import torch
from torch import Tensor, nn

from slowfast.models.layers.depthwise import DepthwiseConv3d, replace_depthwise

# Kernel, spatial stride, and size (C, T, H, W): the kinds of X3D, and special cases at borders:
# odd sizes, fewer frames than taps, other kernels.
CASES = [
    ((3, 3, 3), 1, (4, 5, 6, 7)),
    ((3, 3, 3), 2, (4, 5, 6, 8)),
    ((3, 3, 3), 2, (3, 4, 7, 5)),
    ((5, 1, 1), 1, (4, 6, 5, 3)),
    ((5, 3, 3), 2, (2, 1, 4, 4)),
    ((3, 5, 1), 1, (2, 3, 5, 4)),
    ((1, 3, 3), 2, (2, 3, 5, 4)),
    ((3, 1, 1), 2, (2, 3, 5, 4)),
]
FORMATS = [torch.contiguous_format, torch.channels_last_3d]


def torch_layer(kernel: tuple[int, ...], stride: int, channels: int, **settings) -> nn.Conv3d:
    return nn.Conv3d(
        channels,
        channels,
        kernel,
        stride=(1, stride, stride),
        padding=[k // 2 for k in kernel],
        groups=channels,
        bias=False,
        **settings,
    )


def results(layer: nn.Module, x: Tensor, seed: int = 1) -> list[Tensor]:
    """The output, and the gradients of input and weight for a random gradient of the output."""
    x = x.detach().requires_grad_()
    out = layer(x)
    grad = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed)).to(out)
    return [out, *torch.autograd.grad(out, (x, layer.weight), grad)]


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(("kernel", "stride", "size"), CASES)
def test_values_and_gradients_agree_with_torch(kernel, stride, size, memory_format):
    torch.manual_seed(0)
    theirs = torch_layer(kernel, stride, size[0]).to(memory_format=memory_format)
    x = torch.randn(2, *size).to(memory_format=memory_format)
    ours = DepthwiseConv3d.sharing(theirs)
    assert ours.weight is theirs.weight
    for mine, reference in zip(results(ours, x), results(theirs, x), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wanted", ["x", "weight"])
def test_only_the_wanted_gradients_are_computed(wanted):
    layer = DepthwiseConv3d.sharing(torch_layer((3, 3, 3), 2, 4))
    x = torch.randn(2, 4, 3, 6, 6, requires_grad=wanted == "x")
    layer.weight.requires_grad_(wanted == "weight")
    layer(x).sum().backward()
    assert (x.grad is None, layer.weight.grad is None) == (wanted != "x", wanted != "weight")


@pytest.mark.parametrize("stride", [1, 2])
def test_channels_stay_last(stride):
    layer = DepthwiseConv3d.sharing(torch_layer((3, 3, 3), stride, 4))
    x = torch.randn(2, 4, 3, 6, 8).to(memory_format=torch.channels_last_3d)
    out, grad_x, _ = results(layer, x)
    for tensor in (out, grad_x):
        assert tensor.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (24, 2), (54, 1)])
def test_under_autocast_results_are_near_float32_and_gradients_keep_their_types(channels, stride):
    torch.manual_seed(0)
    theirs = torch_layer((3, 3, 3), stride, channels)
    x = torch.randn(2, channels, 3, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        mine = results(DepthwiseConv3d.sharing(theirs), x)
    assert [t.dtype for t in mine] == [torch.bfloat16, torch.float32, torch.float32]
    for ours, reference in zip(mine, results(theirs, x), strict=True):
        assert (ours.float() - reference).norm() < 0.02 * reference.norm()


def test_every_suitable_layer_is_replaced_and_no_name_changes():
    def plain(**changed) -> nn.Conv3d:
        settings = {"padding": 1, "groups": 4, "bias": False} | changed
        return nn.Conv3d(4, 4, 3, **settings)

    model = nn.Sequential(
        nn.Sequential(plain(), nn.BatchNorm3d(4)),
        plain(stride=(1, 2, 2)),
        plain(groups=2),
        plain(bias=True),
        plain(dilation=2, padding=2),
        plain(padding=0),
        plain(stride=2),
        plain(padding_mode="replicate"),
    )
    model.eval()
    before = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    assert replace_depthwise(model) == 2
    assert {name: tensor.data_ptr() for name, tensor in model.state_dict().items()} == before
    ours = [name for name, m in model.named_modules() if isinstance(m, DepthwiseConv3d)]
    assert ours == ["0.0", "1"]
    assert not any(m.training for m in model.modules())
