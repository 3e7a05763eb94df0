"""C2D, I3D and Slow: depths, temporal kernels, resolutions, non-local blocks."""

import pytest
import torch

from reference_parts.networks import normal
from slowfast.models import build_model
from slowfast.models.layers.blocks import ResidualBlock
from slowfast.models.layers.nonlocal_block import NonLocal
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST, TINY, X3D, network_cfg

CLIP = normal(0, (2, 3, 4, 64, 64))


def stage_sizes(model, clips) -> list[tuple[int, ...]]:
    """(C, T, H, W) of the slow pathway after stem and stages."""
    sizes = []
    stages = [getattr(model, name) for name in ("s1", "s2", "s3", "s4", "s5")]
    hooks = [
        stage.register_forward_hook(lambda *call: sizes.append(tuple(call[-1][0].shape[1:])))
        for stage in stages
    ]
    model(clips)
    for hook in hooks:
        hook.remove()
    return sizes


def test_frames_and_pixels_after_each_stage():
    slow = stage_sizes(build_model(network_cfg(TINY, SLOW)), [CLIP])
    assert slow == [(8, 4, 16, 16), (32, 4, 16, 16), (64, 4, 8, 8), (128, 4, 4, 4), (256, 4, 2, 2)]
    i3d = stage_sizes(build_model(network_cfg(TINY, I3D)), [CLIP])
    assert [frames for _, frames, *_ in i3d] == [4, 4, 2, 2, 2]


@pytest.mark.parametrize(
    ("depth", "transform"),
    [(18, "basic_transform"), (50, "bottleneck_transform"), (101, "bottleneck_transform")],
)
def test_every_depth_trains(depth, transform):
    settings = {"RESNET.DEPTH": depth, "RESNET.TRANS_FUNC": transform, "RESNET.WIDTH_PER_GROUP": 4}
    model = build_model(network_cfg(TINY, I3D, settings))
    blocks = sum(isinstance(module, ResidualBlock) for module in model.modules())
    assert blocks == {18: 8, 50: 16, 101: 33}[depth]
    logits = model([CLIP[:, :, :, :32, :32]])
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("arch", "stem", "stage_3", "pooled"),
    [
        ("2d", 1, [1, 1], False),
        ("c2d", 1, [1, 1], True),
        ("c2d_nopool", 1, [1, 1], False),
        ("i3d", 5, [3, 1], True),
        ("i3d_nopool", 5, [3, 1], False),
        ("slow", 1, [1, 1], False),
    ],
)
def test_architectures_differ_in_time(arch, stem, stage_3, pooled):
    cfg = network_cfg(TINY, I3D)
    cfg.MODEL.ARCH = arch
    model = build_model(cfg)
    assert model.s1.pathway0_stem.conv.kernel_size[0] == stem
    kernels = [getattr(model.s3, f"pathway0_res{i}").branch2.a.kernel_size[0] for i in (0, 1)]
    assert kernels == stage_3
    assert stage_sizes(model, [CLIP])[-1][1] == (2 if pooled else 4)


def test_only_the_configured_number_of_blocks_has_temporal_kernels():
    settings = {"RESNET.DEPTH": 50, "RESNET.NUM_BLOCK_TEMP_KERNEL": [[3], [4], [6], [1]]}
    s5 = build_model(network_cfg(TINY, SLOW, settings)).s5
    kernels = [getattr(s5, f"pathway0_res{i}").branch2.a.kernel_size[0] for i in range(3)]
    assert kernels == [3, 1, 1]


def test_groups_widen_the_inner_convolutions():
    settings = {"RESNET.NUM_GROUPS": 4, "RESNET.WIDTH_PER_GROUP": 8}
    b = build_model(network_cfg(TINY, SLOW, settings)).s2.pathway0_res0.branch2.b
    assert (b.in_channels, b.groups) == (32, 4)


def test_a_dilated_stage_5_keeps_its_resolution_and_still_has_one_position():
    settings = {
        "RESNET.SPATIAL_STRIDES": [[1], [2], [2], [1]],
        "RESNET.SPATIAL_DILATIONS": [[1], [1], [1], [2]],
    }
    model = build_model(network_cfg(TINY, SLOW, settings)).eval()
    assert stage_sizes(model, [CLIP])[-1] == (256, 4, 4, 4)
    assert model.s5.pathway0_res1.branch2.b.dilation == (1, 2, 2)
    assert model.head.windows == [(4, 4, 4)]


def test_non_local_blocks_follow_the_configured_blocks():
    settings = {
        "NONLOCAL.LOCATION": [[[]], [[1]], [[0, 1]], [[]]],
        "NONLOCAL.INSTANTIATION": "softmax",
        "NONLOCAL.GROUP": [[1], [2], [1], [1]],
    }
    model = build_model(network_cfg(TINY, SLOW, settings))
    names = [name for name, module in model.named_modules() if isinstance(module, NonLocal)]
    assert names == [
        "s3.pathway0_nonlocal1",
        "s4.pathway0_nonlocal0",
        "s4.pathway0_nonlocal1",
    ]
    model([CLIP]).sum().backward()


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("settings", [C2D, X3D, SLOWFAST], ids=["c2d", "x3d", "slowfast"])
def test_crops_of_another_size_are_scored(settings, side):
    model = build_model(network_cfg(TINY, settings)).eval()
    clips = [normal(i, (1, 3, 4, side, side)) for i in range(len(model.input_channels))]
    if settings is SLOWFAST:
        clips[0] = clips[0][:, :, ::2]
    with torch.inference_mode():
        scores = model(clips)
    assert scores.shape == (1, 5)
    assert scores.sum().item() == pytest.approx(1)


def test_a_crop_that_is_not_a_multiple_of_32_has_one_position():
    model = build_model(network_cfg(TINY, SLOW, {"DATA.TRAIN_CROP_SIZE": 56})).eval()
    positions = []
    model.head.projection.register_forward_hook(lambda *call: positions.append(call[-1].shape))
    model([CLIP[..., :56, :56]])
    assert positions == [(2, 1, 1, 1, 5)]
