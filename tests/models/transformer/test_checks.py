"""Settings with which a vision transformer cannot be built are refused before it is built."""

import pytest

from slowfast.config.checks import problems as problems_of
from slowfast.models.transformer.checks import problems, warnings
from tests.models.network_cases import IMAGES, MVIT, REV_MVIT, TINY, VIT, network_cfg

RELATIVE = {"MVIT.REL_POS_SPATIAL": True, "DATA.TEST_CROP_SIZE": 8}
SINES = {"MVIT.USE_FIXED_SINCOS_POS": True, "MVIT.SEP_POS_EMBED": False}
PROBLEMS = [
    (MVIT, "MVIT.PATCH_KERNEL", [7, 7], "expected 3 numbers (time, height, width)"),
    (MVIT | IMAGES, "MVIT.PATCH_STRIDE", [2, 4, 4], "expected 2 numbers (height, width) with"),
    (MVIT | IMAGES, "DATA.NUM_FRAMES", 4, "expected 1: MVIT.PATCH_2D makes a network of images"),
    (VIT, "DATA.NUM_FRAMES", 1, "the patches have 2 frames"),
    (VIT, "DATA.TEST_CROP_SIZE", 15, "a patch of MVIT.PATCH_KERNEL [2, 16, 16] does not fit"),
    (MVIT, "DATA.INPUT_CHANNEL_NUM", [3, 1], "one number of channels"),
    (MVIT, "MVIT.DIM_MUL", [[4, 2.0]], "found block 4; MVIT.DEPTH 4 has the blocks 0 to 3"),
    (MVIT, "MVIT.DIM_MUL", [[0, 2.0]], "block 0 has no block before it that widens"),
    (MVIT, "MVIT.DIM_MUL", [[1, 1.7]], "block 0 would have 27.2 channels"),
    (MVIT, "MVIT.DIM_MUL", [1, 2.0], "found the entry 1; expected [block, factor] of numbers"),
    (MVIT, "MVIT.DIM_MUL", [[1, 2.0], [1, 2.0]], "found two entries for block 1"),
    (MVIT, "MVIT.HEAD_MUL", [[1, 1.5]], "block 1 would have 1.5 heads"),
    (MVIT, "MVIT.NUM_HEADS", 3, "the 3 heads of block 0 do not divide its 16 channels"),
    (MVIT, "MVIT.POOL_Q_STRIDE", [[1, 2, 2]], "expected [block, time, height, width] of numbers"),
    (MVIT, "MVIT.POOL_Q_STRIDE", [[1, 1, 0, 2]], "found the strides [1, 0, 2]"),
    (MVIT, "MVIT.POOL_KV_STRIDE", [[1, 1, 2, 2]], "leave one of them empty"),
    (MVIT, "MVIT.POOL_KVQ_KERNEL", [3, 2, 2], "makes (2, 9, 9) tokens of (2, 16, 16), and that of"),
    (VIT | SINES, "MVIT.SEP_POS_EMBED", True, "MVIT.SEP_POS_EMBED asks for two learned tables"),
    (VIT | SINES, "MVIT.EMBED_DIM", 40, "take a multiple of 16"),
    (REV_MVIT, "MVIT.REV.BUFFER_LAYERS", [1, 4], "found block 4; MVIT.DEPTH 4 has the blocks 0"),
    (REV_MVIT, "MVIT.REV.BUFFER_LAYERS", [1], "add 3 to MVIT.REV.BUFFER_LAYERS"),
    (REV_MVIT, "MVIT.REV.BUFFER_LAYERS", [], "reverse: 1, 3; add 1, 3 to MVIT.REV.BUFFER_LAYERS"),
    (MVIT, "MVIT.DROPOUT_RATE", 1.0, "expected a share below 1"),
    (MVIT | RELATIVE, "DATA.TRAIN_CROP_SIZE", 8, "no token would be left for the relative"),
    (REV_MVIT, "MVIT.REV.PRE_Q_FUSION", "max", "found 'max'; expected avg, concat, concat_lin"),
]


@pytest.mark.parametrize(("family", "key", "value", "words"), PROBLEMS)
def test_impossible_setting_is_refused(family, key, value, words):
    cfg = network_cfg(TINY, family, {key: value})
    found = list(problems(cfg))
    assert found
    assert words in f"{found[0][0]}: {found[0][1]}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MVIT.MODE", "avg"),
        ("MVIT.POOL_FIRST", True),
        ("MVIT.NORM", "batchnorm"),
        ("MVIT.NORM_STEM", True),
        ("MVIT.LAYER_SCALE_INIT_VALUE", 0.1),
        ("MVIT.POOL_Q_KERNEL", [[1, 3, 3, 3]]),
        ("MVIT.REV.RESPATH_FUSE", "add"),
        ("MVIT.REV.RES_PATH", "max"),
    ],
)
def test_what_no_published_network_has_is_refused_where_it_is_read(key, value):
    said = [line for line in problems_of(network_cfg(TINY, MVIT, {key: value})) if key in line]
    assert said
    assert "not built here yet" in said[0]
    assert not [line for line in problems_of(network_cfg({key: value})) if key in line]


def test_nothing_is_wrong_with_lists_as_older_branches_write_them():
    empty = {"MVIT.POOL_Q_STRIDE": [[]], "MVIT.POOL_KV_STRIDE": [[]], "MVIT.DIM_MUL": [[]]}
    assert not list(problems(network_cfg(TINY, VIT, empty)))


def test_pixels_that_lie_in_no_patch_are_a_warning():
    cfg = network_cfg(TINY, VIT, {"DATA.TEST_CROP_SIZE": 70})
    ((key, words),) = warnings(cfg)
    assert key == "DATA.TEST_CROP_SIZE"
    assert "the last 6 rows and columns of pixels lie in no patch" in words
    assert not list(warnings(network_cfg(TINY, MVIT)))
