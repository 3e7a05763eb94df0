"""Settings with which a network cannot be built are refused, and the message names the key.

tests/config/test_problems.py shows that the check of a configuration asks for the same problems.
"""

import pytest

from slowfast.ak.errors import UserError
from slowfast.models import build_model
from tests.models.network_cases import I3D, SLOW, SLOWFAST, TINY, network_cfg


@pytest.mark.parametrize(
    ("family", "key", "value", "words"),
    [
        (SLOW, "MODEL.ARCH", "x3d", "takes 2d or c2d or .* or slow, or MODEL.MODEL_NAME X3D"),
        (SLOWFAST, "MODEL.MULTI_PATHWAY_ARCH", [], r"gives .* 1 pathway\(s\), .* takes 2"),
        (SLOWFAST, "SLOWFAST.FUSION_KERNEL_SZ", 4, "an even kernel .* take 3 or 5"),
        (SLOWFAST, "SLOWFAST.BETA_INV", 9, "RESNET.WIDTH_PER_GROUP 8; take at most 8"),
        (I3D, "DATA.NUM_FRAMES", 1, "i3d pools 2 frames into one; expected at least 2, .*_nopool"),
        (SLOW, "RESNET.SPATIAL_STRIDES", [[1, 2]] + [[2]] * 3, "one value for each of 1 pathway"),
        (SLOW, "RESNET.SPATIAL_STRIDES", [1, 2, 2, 2], r"such as \[\[1\], \[2\], \[2\], \[2\]\]"),
        (SLOW, "NONLOCAL.LOCATION", [[1], [1], [], []], "a list of one value a pathway"),
        (SLOW, "NONLOCAL.LOCATION", [[[]], [[7]], [[]], [[]]], "stage 3 has blocks .* 0 to 1"),
        (SLOW, "NONLOCAL.POOL", [[[1, 2]]] * 4, "three numbers a pathway: time, height, width"),
        (SLOW, "RESNET.TRANS_FUNC", "bottleneck", "did you mean bottleneck_transform"),
    ],
)
def test_impossible_setting_is_refused(family, key, value, words):
    cfg = network_cfg(TINY, family)
    section, name = key.split(".")
    cfg[section][name] = value
    with pytest.raises(UserError, match=f"^{key}: .*{words}"):
        build_model(cfg)
