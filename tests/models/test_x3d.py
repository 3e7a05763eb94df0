"""X3D: widths, depths and options."""

import pytest
from torch import nn

from reference_parts.networks import normal
from slowfast.models import build_model
from slowfast.models.layers.blocks import ResidualBlock
from slowfast.models.x3d import stage_widths
from tests.models.network_cases import TINY, X3D, network_cfg


@pytest.mark.parametrize(
    ("width_factor", "widen_stage_2", "widths"),
    [
        (1.0, False, [16, 16, 24, 48, 96]),
        (2.0, False, [24, 24, 48, 96, 192]),
        (2.0, True, [24, 48, 96, 192, 384]),
    ],
)
def test_widths_double_from_stage_to_stage(width_factor, widen_stage_2, widths):
    assert stage_widths(12, width_factor, widen_stage_2) == widths


def test_the_depth_factor_multiplies_blocks():
    model = build_model(network_cfg(TINY, X3D, {"X3D.DEPTH_FACTOR": 2.2}))
    assert sum(isinstance(module, ResidualBlock) for module in model.modules()) == 26


def test_options_of_head_and_convolutions():
    settings = {"X3D.BN_LIN5": True, "X3D.CHANNELWISE_3x3x3": False, "MODEL.DROPCONNECT_RATE": 0.5}
    model = build_model(network_cfg(TINY, X3D, settings))
    assert isinstance(model.head.lin_5_bn, nn.BatchNorm3d)
    assert model.s3.pathway0_res0.branch2.b.groups == 1
    # Deeper blocks are skipped more often.
    rates = [getattr(model, f"s{i}").pathway0_res0.drop_path.p for i in (2, 3, 4, 5)]
    assert rates == pytest.approx([0.2, 0.3, 0.4, 0.5])
    logits = model([normal(0, (2, 3, 4, 64, 64))])
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
