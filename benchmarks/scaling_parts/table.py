"""A table in Markdown, and the configurations that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fvcore.common.config import CfgNode

from slowfast.config.defaults import get_cfg

CONFIGS = Path(__file__).parents[2] / "configs/AK"
RECIPES = ("I3D_8x8_R50", "SLOWFAST_8x8_R50", "X3D_L")


class Table(NamedTuple):
    """A table with a title, the heads of its columns, and its rows."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        lines = [self.heads, ["---", *["---:"] * (len(self.heads) - 1)], *self.rows]
        body = ("| " + " | ".join(map(str, line)) + " |" for line in lines)
        return "\n".join([f"**{self.title}**", "", *body])


def small_config(**overrides: object) -> CfgNode:
    """Returns the demo's SlowFast on the CPU, with 8 frames of 64 pixels and the given overrides,
    such as `DATA__NUM_FRAMES`."""
    settings = {"DATA__NUM_FRAMES": 8, "DATA__TRAIN_CROP_SIZE": 64, "NUM_GPUS": 0, **overrides}
    return recipe("DEMO", **settings)


def recipe(name: str, **overrides: object) -> CfgNode:
    """Returns a configuration of `configs/AK` with overrides."""
    cfg = get_cfg()
    cfg.merge_from_file(str(CONFIGS / f"{name}.yaml"))
    cfg.merge_from_list(
        [item for key, value in overrides.items() for item in (key.replace("__", "."), value)]
    )
    return cfg
