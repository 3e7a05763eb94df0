"""The keys that fit a file are read off its names and shapes."""

import pytest

from slowfast.checkpoints.namings.network_of import differing_settings
from tests.checkpoints.namings.naming_cases import make
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST, X3D

SLOWFAST_8 = {**SLOWFAST, "RESNET.WIDTH_PER_GROUP": 8, "SLOWFAST.ALPHA": 4}
LATE = {"RESNET.NUM_BLOCK_TEMP_KERNEL": [[3, 3], [4, 4], [2, 6], [3, 3]]}


def shapes(*settings: dict) -> dict:
    return {name: value.shape for name, value in make(*settings)[1].state_dict().items()}


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (SLOW, {**SLOW, "RESNET.WIDTH_PER_GROUP": 8}, "RESNET.WIDTH_PER_GROUP 4 (here 8)"),
        (C2D, SLOW, "MODEL.ARCH 2d or c2d or c2d_nopool or slow_c2d (here slow)"),
        (SLOW, I3D, "MODEL.ARCH slow"),
        (
            SLOWFAST_8,
            {**SLOWFAST_8, "SLOWFAST.FUSION_KERNEL_SZ": 7},
            "SLOWFAST.FUSION_KERNEL_SZ 5 (here 7)",
        ),
        (
            SLOWFAST_8 | LATE,
            SLOWFAST_8,
            "RESNET.NUM_BLOCK_TEMP_KERNEL [[0, 3], [0, 4], [2, 6], [3, 3]] "
            "(here [[0, 3], [0, 4], [6, 6], [3, 3]])",
        ),
        (
            {**SLOW, "RESNET.DEPTH": 101},
            SLOW,
            "RESNET.DEPTH 101 (here 50)",
        ),
        (
            {**X3D, "X3D.WIDTH_FACTOR": 2.0, "X3D.DEPTH_FACTOR": 2.2},
            SLOW,
            "MODEL.MODEL_NAME X3D (here ResNet), MODEL.ARCH x3d (here slow), "
            "X3D.DEPTH_FACTOR 2.2, X3D.WIDTH_FACTOR 2, X3D.BOTTLENECK_FACTOR 1, X3D.DIM_C5 2048",
        ),
        (
            {**SLOW, "MODEL.NUM_CLASSES": 9},
            SLOW,
            "MODEL.NUM_CLASSES 9 (here 5)",
        ),
        (SLOW, SLOW, ""),
    ],
)
def test_differing_settings_are_reported(there, here, words):
    assert differing_settings(shapes(there), shapes(here)) == words


def test_vision_transformers_are_told_by_their_names():
    there = {"patch_embed.proj.weight": [8, 3, 4, 4], "pos_embed": [1, 10, 8], "cls_token": [1, 8]}
    there |= {"blocks.0.norm1.weight": [8], "blocks.11.norm1.weight": [8]}
    words = differing_settings(there, shapes(SLOW))
    assert words.startswith("MODEL.MODEL_NAME MViT (here ResNet), MODEL.ARCH mvit (here slow), ")
    assert "MVIT.DEPTH 12, MVIT.EMBED_DIM 8, MVIT.PATCH_2D True, MVIT.PATCH_KERNEL [4, 4]" in words
    video = there | {"patch_embed.proj.weight": [8, 3, 2, 4, 4]}
    expected = "MVIT.PATCH_2D True (here False), MVIT.PATCH_KERNEL [4, 4] (here [2, 4, 4])"
    assert differing_settings(there, video) == expected
