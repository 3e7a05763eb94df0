"""Settings with which a network cannot be built are refused, and the message names the key."""

import pytest

from slowfast.ak.errors import UserError
from slowfast.models import build_model
from tests.models.network_cases import I3D, SLOW, SLOWFAST, TINY, X3D, network_cfg


@pytest.mark.parametrize(
    ("family", "key", "value", "words"),
    [
        (X3D, "MODEL.ARCH", "i3d", "MODEL.MODEL_NAME X3D takes x3d, or MODEL.MODEL_NAME ResNet"),
        (SLOW, "MODEL.ARCH", "x3d", "takes 2d or c2d or .* or slow, or MODEL.MODEL_NAME X3D"),
        (SLOWFAST, "MODEL.ARCH", "i3d", "MODEL.MODEL_NAME SlowFast takes slowfast"),
        (
            SLOWFAST,
            "MODEL.MULTI_PATHWAY_ARCH",
            [],
            r"gives MODEL.ARCH slowfast 1 pathway\(s\), and MODEL.MODEL_NAME SlowFast takes 2",
        ),
        (SLOWFAST, "DATA.NUM_FRAMES", 5, "not divisible by SLOWFAST.ALPHA 2, .*; take 4, or"),
        (SLOWFAST, "SLOWFAST.FUSION_KERNEL_SZ", 4, "an even kernel .* take 3 or 5"),
        (SLOWFAST, "SLOWFAST.BETA_INV", 9, "RESNET.WIDTH_PER_GROUP 8; take at most 8"),
        (I3D, "DATA.NUM_FRAMES", 1, "i3d pools 2 frames into one; expected at least 2, .*_nopool"),
        (
            SLOWFAST,
            "RESNET.NUM_BLOCK_TEMP_KERNEL",
            [[3, 1, 3], [4], [6], [3]],
            r"stage 2: found \[3, 1, 3\], expected one value for each of 2 pathway",
        ),
        (
            SLOW,
            "RESNET.SPATIAL_STRIDES",
            [[1, 2], [2, 2], [2, 2], [2, 2]],
            r"stage 2: found \[1, 2\], expected one value for each of 1 pathway",
        ),
        (
            SLOW,
            "RESNET.SPATIAL_STRIDES",
            [1, 2, 2, 2],
            r"a list of one value a pathway, such as \[\[1\], \[2\], \[2\], \[2\]\]",
        ),
        (SLOW, "NONLOCAL.LOCATION", [[1], [1], [], []], "a list of one value a pathway"),
        (SLOW, "NONLOCAL.LOCATION", [[[]], [[7]], [[]], [[]]], "stage 3 has blocks .* 0 to 1"),
        (SLOW, "NONLOCAL.POOL", [[[1, 2]]] * 4, "three numbers a pathway: time, height, width"),
        (SLOW, "RESNET.DEPTH", 34, "found 34; expected one of 18, 50, 101"),
        (SLOW, "RESNET.TRANS_FUNC", "bottleneck", "did you mean bottleneck_transform"),
    ],
)
def test_impossible_setting_is_refused(family, key, value, words):
    cfg = network_cfg(TINY, family)
    section, name = key.split(".")
    cfg[section][name] = value
    with pytest.raises(UserError, match=f"^{key}: .*{words}"):
        build_model(cfg)


@pytest.mark.parametrize(
    ("wrong", "right"), [("slowfast", "SlowFast"), ("RestNet", "ResNet"), ("X3D_M", "X3D")]
)
def test_an_unknown_network_is_refused_with_the_nearest_name(wrong, right):
    cfg = network_cfg({"MODEL.MODEL_NAME": wrong})
    with pytest.raises(UserError, match=f"MODEL.MODEL_NAME.*{wrong}.*did you mean .*{right}"):
        build_model(cfg)
