"""Checks of the data: pixels, decoding, sampling, augmentation, segments of classes."""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.clips.augmentation_policy import parse_policy
from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.config.checks import problem, warning
from slowfast.config.dotted import get, key_and_value
from slowfast.config.readers import can_be_read


@problem
def _pixels(cfg: CfgNode) -> Iterator[Finding]:
    if set(cfg.DATA.INPUT_CHANNEL_NUM) != {3}:
        yield "DATA.INPUT_CHANNEL_NUM", "frames have 3 channels; expected 3 for each pathway"
    if any(deviation <= 0 for deviation in cfg.DATA.STD):
        yield "DATA.STD", "pixels are divided by it; expected numbers above 0"


@problem
def _random_crops(cfg: CfgNode) -> Iterator[Finding]:
    if not can_be_read(cfg, "DATA.TRAIN_JITTER_SCALES"):
        return
    low, high = cfg.DATA.TRAIN_JITTER_SCALES
    crop = cfg.DATA.TRAIN_CROP_SIZE
    if low > high:
        yield "DATA.TRAIN_JITTER_SCALES", "expected the smallest scale first"
    elif crop > low:
        yield (
            "DATA.TRAIN_CROP_SIZE",
            f"larger than {low}, the smallest of {key_and_value(cfg, 'DATA.TRAIN_JITTER_SCALES')}; "
            f"crop at most {low} pixels, or scale to at least {crop}",
        )


@problem
def _random_resized_crops(cfg: CfgNode) -> Iterator[Finding]:
    examples = {
        "DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.08, 1.0],
        "DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.75, 1.3333],
    }
    given = [key for key in examples if get(cfg, key)] if cfg.TRAIN.ENABLE else []
    for key in given:
        values = get(cfg, key)
        if len(values) != 2 or values[0] > values[1]:
            yield key, f"expected two numbers, the smaller first, such as {examples[key]}, or []"
    if len(given) == 1:
        (missing,) = examples.keys() - given
        words = f"a random resized crop also needs {missing}, such as {examples[missing]}"
        yield given[0], f"{words}; set both, or leave both empty"


@warning
def _nothing_moves(cfg: CfgNode) -> Iterator[Finding]:
    key = "DATA.TRAIN_JITTER_MOTION_SHIFT"
    if cfg.DATA.TRAIN_JITTER_MOTION_SHIFT and can_be_read(cfg, key) and cfg.DATA.NUM_FRAMES == 1:
        yield key, "a clip of one frame (DATA.NUM_FRAMES 1) has no crop that moves"


@problem
def _decoding_and_sampling(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.DATA.DECODING_DEVICE == "cuda" and cfg.DATA.DECODING_BACKEND != "torchcodec":
        yield (
            "DATA.DECODING_DEVICE",
            "only torchcodec decodes on a GPU; set DATA.DECODING_BACKEND to torchcodec (found "
            f"{cfg.DATA.DECODING_BACKEND}), or take cpu",
        )
    if not 0 < cfg.DATA_LOADER.REPEAT_THRESHOLD <= 1:
        words = "expected a share of the clips: above 0 and at most 1"
        yield "DATA_LOADER.REPEAT_THRESHOLD", words


@problem
def _policy(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.AUG.ENABLE and cfg.AUG.AA_TYPE:
        try:
            parse_policy(cfg.AUG.AA_TYPE)
        except UserError as error:
            yield "AUG.AA_TYPE", str(error)


@warning
def _nothing_is_augmented(cfg: CfgNode) -> Iterator[Finding]:
    aug = cfg.AUG
    changes = aug.AA_TYPE or aug.COLOR_JITTER or aug.RE_PROB
    if cfg.TRAIN.ENABLE and aug.ENABLE and not changes:
        yield (
            "AUG.ENABLE",
            "no clip is changed after its crop: AUG.AA_TYPE is empty, with "
            f"{key_and_value(cfg, 'AUG.COLOR_JITTER')} and {key_and_value(cfg, 'AUG.RE_PROB')}",
        )


@problem
def _image_range(cfg: CfgNode) -> Iterator[Finding]:
    values = list(cfg.AK.IMAGE_RANGE)
    if values and (len(values) != 2 or values[0] >= values[1]):
        yield "AK.IMAGE_RANGE", "expected two numbers, the value of black first, or []"


@problem
def _segments(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.AK.HEAD_MIN <= cfg.AK.TAIL_MAX:
        yield "AK.HEAD_MIN", f"expected more than {key_and_value(cfg, 'AK.TAIL_MAX')}"
