"""SlowFast: the two pathways and their lateral connections."""

import pytest
import torch

from reference_parts.networks import normal
from slowfast.ak.errors import UserError
from slowfast.models import build_model
from slowfast.models.slowfast import LateralConnection
from tests.models.network_cases import SLOWFAST, TINY, network_cfg

CLIPS = [normal(0, (2, 3, 2, 64, 64)), normal(1, (2, 3, 4, 64, 64))]


def test_alpha_beta_and_fusion_shape_the_network():
    settings = {
        "SLOWFAST.BETA_INV": 2,
        "SLOWFAST.FUSION_CONV_CHANNEL_RATIO": 3,
        "SLOWFAST.FUSION_KERNEL_SZ": 7,
    }
    model = build_model(network_cfg(TINY, SLOWFAST, settings))
    fuse = model.s2_fuse.conv_f2s
    assert (fuse.in_channels, fuse.out_channels) == (16, 48)
    assert (fuse.kernel_size, fuse.stride) == ((7, 1, 1), (2, 1, 1))
    assert model.s3.pathway0_res0.branch1.in_channels == 32 + 48
    assert model.head.projection.in_features == 256 + 128
    model(CLIPS).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_lateral_connection_appends_channels_to_the_slow_pathway():
    fuse = LateralConnection(channels_fast=2, channels_lent=4, kernel=5, alpha=2)
    slow, fast = torch.randn(1, 3, 2, 4, 4), torch.randn(1, 2, 4, 4, 4)
    fused, same = fuse([slow, fast])
    assert fused.shape == (1, 7, 2, 4, 4)
    assert torch.equal(fused[:, :3], slow)
    assert same is fast


def test_both_pathways_influence_the_scores():
    model = build_model(network_cfg(TINY, SLOWFAST)).eval()
    scores = model(CLIPS)
    for changed in ([CLIPS[0] + 1, CLIPS[1]], [CLIPS[0], CLIPS[1].flip(2)]):
        assert not torch.allclose(model(changed), scores, atol=1e-6)


def test_frames_that_do_not_fit_are_refused():
    model = build_model(network_cfg(TINY, SLOWFAST))
    with pytest.raises(UserError, match=r"slow pathway has 2 frames and the fast one 8.*ALPHA"):
        model([CLIPS[0], normal(1, (2, 3, 8, 64, 64))])
