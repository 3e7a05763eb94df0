"""Initial weights of whole networks."""

import pytest
import torch
from torch import nn

from slowfast.models import build_model
from slowfast.models.layers.blocks import ResidualBlock
from slowfast.models.layers.nonlocal_block import NonLocal
from tests.models.network_cases import I3D, SLOWFAST, TINY, X3D, network_cfg

NONLOCAL = I3D | {"NONLOCAL.LOCATION": [[[]], [[1]], [[]], [[]]]}
NORM_0, CONV_0 = "RESNET.ZERO_INIT_FINAL_BN", "RESNET.ZERO_INIT_FINAL_CONV"
NETWORKS = pytest.mark.parametrize(
    "settings", [NONLOCAL, SLOWFAST, X3D], ids=["i3d-nonlocal", "slowfast", "x3d"]
)


@NETWORKS
def test_weights_are_drawn_as_published(settings):
    torch.manual_seed(0)
    model = build_model(network_cfg(TINY, settings))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv3d):
            fan_out = module.out_channels * module.weight[0, 0].numel()
            normalised = module.weight * (fan_out / 2) ** 0.5
            tolerance = 5 / normalised.numel() ** 0.5
            assert abs(normalised.std(correction=0) - 1) < tolerance, name
            assert abs(normalised.mean()) < tolerance, name
            assert module.bias is None or not module.bias.any(), name
        elif isinstance(module, nn.BatchNorm3d):
            assert (module.weight == 1).all(), name
            assert not module.bias.any(), name
    projection = model.head.projection
    assert projection.weight.std().item() == pytest.approx(0.01, rel=0.3)
    assert not projection.bias.any()


@NETWORKS
@pytest.mark.parametrize("key", [NORM_0, CONV_0])
def test_only_the_final_layers_start_at_zero(settings, key):
    model = build_model(network_cfg(TINY, settings, {key: True}))
    zero = {name for name, p in model.named_parameters() if name.endswith("weight") and not p.any()}
    expected = set()
    for name, module in model.named_modules():
        if isinstance(module, ResidualBlock):
            expected.add(f"{name}.branch2.{'c_bn' if key == NORM_0 else 'c'}.weight")
        elif isinstance(module, NonLocal) and key == NORM_0:
            expected.add(f"{name}.bn.weight")
    assert zero == expected
    assert zero


def test_the_spread_of_the_head_is_a_setting():
    model = build_model(network_cfg(TINY, I3D, {"MODEL.FC_INIT_STD": 0.5}))
    assert model.head.projection.weight.std().item() == pytest.approx(0.5, rel=0.3)
