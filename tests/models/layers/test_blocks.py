"""The residual block, the stage and their parts."""

import pytest
import torch
from torch import nn

from slowfast.models.layers.blocks import (
    TRANSFORMS,
    BlockSpec,
    ResidualBlock,
    SqueezeExcitation,
    Swish,
    bottleneck_transform,
    round_width,
    stage,
    x3d_transform,
)

SPEC = BlockSpec(channels_in=8, channels_inner=4, channels_out=16, temporal_kernel=3, stride=2)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_a_block_strides_in_space_and_keeps_the_frames(transform):
    spec = BlockSpec(8, 4, 16, temporal_kernel=3, stride=2, dilation=2)
    y = ResidualBlock(spec, transform)(torch.randn(2, 8, 5, 9, 12))
    assert y.shape == (2, 16, 5, 5, 6)
    assert y.min() >= 0


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_a_block_with_zero_final_norm_passes_its_input_on(transform):
    block = ResidualBlock(BlockSpec(8, 4, 8), transform)
    nn.init.zeros_(block.final_norm.weight)
    x = torch.rand(2, 8, 3, 6, 6)
    torch.testing.assert_close(block(x), x)
    assert isinstance(block.final_conv, nn.Conv3d)


@pytest.mark.parametrize(("on_1x1", "strides"), [(False, (1, 2)), (True, (2, 1))])
def test_the_stride_is_on_the_configured_convolution(on_1x1, strides):
    branch = bottleneck_transform(BlockSpec(8, 4, 16, stride=2, stride_on_1x1=on_1x1))
    assert (branch.a.stride[2], branch.b.stride[2]) == strides


def test_every_other_x3d_block_squeezes():
    layers = stage(SPEC, [3] * 4, x3d_transform)
    assert [hasattr(block.branch2, "se") for block in layers.values()] == [True, False, True, False]


def test_drop_path_skips_whole_clips_and_only_in_training():
    block = ResidualBlock(BlockSpec(4, 4, 4, drop_path=0.5))
    nn.init.ones_(block.final_norm.bias)
    x = torch.rand(64, 4, 1, 2, 2)
    torch.manual_seed(0)
    skipped = (block(x) == x).flatten(1)
    assert skipped.all(dim=1).sum() == skipped.any(dim=1).sum()
    assert 16 < skipped.all(dim=1).sum() < 48
    assert not (block.eval()(x) == x).flatten(1).all(dim=1).any()


def test_only_the_first_block_of_a_stage_changes_sizes():
    layers = stage(SPEC, [3, 1, 3], nonlocal_after={1: nn.Identity()})
    assert list(layers) == ["res0", "res1", "nonlocal1", "res2"]
    assert [layers[f"res{i}"].branch2.a.kernel_size[0] for i in range(3)] == [3, 1, 3]
    assert nn.Sequential(layers)(torch.randn(1, 8, 4, 8, 8)).shape == (1, 16, 4, 4, 4)


@pytest.mark.parametrize(
    ("width", "rounded"), [(3.4, 8), (12, 16), (24, 24), (13.5, 16), (27, 32), (20, 24)]
)
def test_widths_are_rounded_to_multiples_of_eight(width, rounded):
    assert round_width(width) == rounded


def test_squeeze_excitation_gates_channels_by_the_means_of_all():
    layer = SqueezeExcitation(16)
    x = torch.randn(2, 16, 2, 3, 3)
    gates = layer(x) / x
    torch.testing.assert_close(gates, gates[:, :, :1, :1, :1].expand_as(gates))
    assert gates.min() > 0
    assert gates.max() < 1


def test_swish_is_silu():
    x = torch.randn(100)
    torch.testing.assert_close(Swish()(x), nn.functional.silu(x))
