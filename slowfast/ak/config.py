"""The configuration keys that come with Animal Kingdom, for this tree and for any other SlowFast.

Notable: it needs nothing but fvcore, and of the tree around it nothing at all. ``KEYS`` is the
whole of it: a default, what the key does, and, where only some will do, the values it takes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fvcore.common.config import CfgNode


class AkKey(NamedTuple):
    """Default, comment and, where they are counted, the values of a key."""

    default: Any
    comment: str
    choices: tuple[Any, ...] = ()


KEYS: dict[str, AkKey] = {
    "AK.FRAMES": AkKey(
        "auto",
        "Where frames come from: image reads the extracted JPEGs, video decodes the mp4 files, "
        "auto takes images where their folder exists and videos else.",
        ("auto", "image", "video"),
    ),
    "AK.VIDEO_PREFIX": AkKey(
        "", "Folder of the mp4 files; empty: `video` beside the folder DATA.PATH_PREFIX."
    ),
    "AK.CLASSES": AkKey(
        "",
        "Table (xlsx or csv) of class names and of head, middle and tail; empty: df_action.xlsx or "
        "df_action_count.xlsx in DATA.PATH_TO_DATA_DIR, where there is one.",
    ),
    "AK.HEAD_MIN": AkKey(
        500,
        "Training clips from which on a class belongs to the head, where no table says so.",
    ),
    "AK.TAIL_MAX": AkKey(
        100, "Training clips up to which a class belongs to the tail, where no table says so."
    ),
    "TRAIN.MIXED_PRECISION_TYPE": AkKey(
        "fp16",
        "Half precision of TRAIN.MIXED_PRECISION: fp16 with loss scaling, or bf16, which needs "
        "none but a GPU of 2020 or later (or a CPU).",
        ("fp16", "bf16"),
    ),
    "RECIPE.GLOBAL_BATCH": AkKey(
        0,
        "Clips in a step of the published recipe, over all GPUs. The log warns where the run has "
        "another number; nothing is rescaled. 0: not stated.",
    ),
    "RECIPE.NORM_GROUP": AkKey(
        0,
        "Clips that the published recipe's norm layers average over; warned about likewise. 0: "
        "not stated.",
    ),
    "RECIPE.BASE_LR": AkKey(
        0.0, "Learning rate of the published recipe; warned about likewise. 0: not stated."
    ),
    "RECIPE.INIT": AkKey(
        "",
        "Where the recipe's weights start: scratch, or kinetics (weights trained on Kinetics). "
        "Empty: not stated.",
        ("", "scratch", "kinetics"),
    ),
    "TEST.REPORT": AkKey(
        True,
        "Whether a multi-label test ends with OUTPUT_DIR/report/index.html, a page that shows the "
        "run: figures, curves, classes, and clips that it fails on.",
    ),
}


def add_key(cfg: CfgNode, name: str, default: Any) -> None:
    """Add a dotted key to a configuration, making groups where they lack."""
    *groups, leaf = name.split(".")
    for group in groups:
        if group not in cfg:
            cfg[group] = CfgNode()
        cfg = cfg[group]
    cfg[leaf] = default


def add_ak_config(_C: CfgNode) -> None:
    """Add the keys to a configuration that has none of them."""
    for name, key in KEYS.items():
        add_key(_C, name, key.default)
