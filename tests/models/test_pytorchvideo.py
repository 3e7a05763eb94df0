"""pytorchvideo's networks, with our weights, give the scores of our networks."""

import warnings

import pytest
import torch
from torch import nn

from reference_parts.networks import fill_by_name, normal
from slowfast.models import build_model
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST, X3D, network_cfg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorchvideo.models.resnet import create_resnet
    from pytorchvideo.models.slowfast import create_slowfast
    from pytorchvideo.models.x3d import create_x3d

# Narrow networks: their structure is that of the published ones.
COMMON = {
    "RESNET.WIDTH_PER_GROUP": 16,
    "MODEL.HEAD_ACT": "sigmoid",
    "MODEL.NUM_CLASSES": 7,
    "DATA.NUM_FRAMES": 4,
    "DATA.TRAIN_CROP_SIZE": 64,
}
THEIRS = {"model_num_class": 7, "head_activation": nn.Sigmoid}
RESNET = THEIRS | {"stem_dim_out": 16}
# At a crop of 96 the window fits at four positions.
SINGLE = [(1, 3, 4, 96, 96)]
ONE, THREE = (1, 1, 1), (3, 1, 1)


def slow():
    return create_resnet(**RESNET, stem_conv_kernel_size=(1, 7, 7), head_pool_kernel_size=(4, 2, 2))


def slow_101():
    return create_resnet(
        **RESNET,
        model_depth=101,
        stem_conv_kernel_size=(1, 7, 7),
        head_pool_kernel_size=(4, 2, 2),
    )


def c2d():
    return create_resnet(
        **RESNET,
        stem_conv_kernel_size=(1, 7, 7),
        stage1_pool=nn.MaxPool3d,
        stage_conv_a_kernel_size=(ONE,) * 4,
        head_pool_kernel_size=(2, 2, 2),
    )


def i3d():
    return create_resnet(
        **RESNET,
        stem_conv_kernel_size=(5, 7, 7),
        stage1_pool=nn.MaxPool3d,
        stage_conv_a_kernel_size=(THREE, [THREE, ONE], [THREE, ONE], [ONE, THREE]),
        head_pool_kernel_size=(2, 2, 2),
    )


def slowfast():
    return create_slowfast(
        **THEIRS, stem_dim_outs=(16, 2), head_pool_kernel_sizes=((2, 2, 2), (8, 2, 2))
    )


def x3d():
    return create_x3d(**THEIRS, input_clip_length=4, input_crop_size=64)


@pytest.mark.parametrize(
    ("settings", "create", "sizes"),
    [
        pytest.param(SLOW, slow, SINGLE, id="slow"),
        pytest.param(
            # Depth 101 with temporal kernels in all 23 blocks of stage 4.
            SLOW | {"RESNET.DEPTH": 101, "RESNET.NUM_BLOCK_TEMP_KERNEL": [[3], [4], [23], [3]]},
            slow_101,
            SINGLE,
            id="slow-101",
        ),
        pytest.param(C2D, c2d, SINGLE, id="c2d"),
        pytest.param(I3D, i3d, SINGLE, id="i3d"),
        pytest.param(
            SLOWFAST | {"DATA.NUM_FRAMES": 8, "SLOWFAST.ALPHA": 4, "SLOWFAST.FUSION_KERNEL_SZ": 7},
            slowfast,
            [(1, 3, 2, 96, 96), (1, 3, 8, 96, 96)],
            id="slowfast",
        ),
        pytest.param(
            X3D
            | {
                "X3D.WIDTH_FACTOR": 2.0,
                "X3D.DEPTH_FACTOR": 2.2,
                "X3D.BOTTLENECK_FACTOR": 2.25,
            },
            x3d,
            SINGLE,
            id="x3d",
        ),
    ],
)
def test_scores_are_those_of_pytorchvideo(settings, create, sizes):
    ours, theirs = build_model(network_cfg(COMMON, settings)).eval(), create().eval()
    fill_by_name(ours)
    state = ours.state_dict()
    if create is x3d:
        # pytorchvideo has no norm after the shortcut of a block that keeps the channels.
        norm = ours.s2.pathway0_res0.branch1_bn
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        state = {k: x for k, x in state.items() if not k.startswith("s2.pathway0_res0.branch1_bn")}
    # The names differ, but the order is the same. A wrong pair would differ in shape.
    theirs.load_state_dict(dict(zip(theirs.state_dict(), state.values(), strict=True)))

    clips = [normal(i, size) for i, size in enumerate(sizes)]
    with torch.inference_mode():
        expected = theirs(list(clips) if len(clips) > 1 else clips[0])
        torch.testing.assert_close(ours(clips), expected, rtol=1e-5, atol=1e-6)
