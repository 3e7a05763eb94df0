"""The configuration keys of this project, for this tree and for upstream checkouts.

``keys.yaml`` gives for each key its default, its meaning and its limits. The losses declare the
keys LOSS.<NAME>.* themselves (``slowfast.ak.losses``).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.keys import read_keys

KEYS = read_keys(Path(__file__).with_name("keys.yaml"))


def label_smoothing_key(cfg: CfgNode) -> str:
    """The key with the share by which targets are smoothed."""
    return "MIXUP.LABEL_SMOOTH_VALUE" if cfg.MIXUP.ENABLE else "LOSS.LABEL_SMOOTHING"


def add_key(cfg: CfgNode, name: str, default: Any) -> None:
    """Adds a dotted key, with a copy of its default, and the groups that it needs."""
    *groups, leaf = name.split(".")
    for group in groups:
        if group not in cfg:
            cfg[group] = CfgNode()
        cfg = cfg[group]
    cfg[leaf] = copy.deepcopy(default)


def add_ak_config(_C: CfgNode) -> None:
    """Adds the keys to a configuration that has none of them."""
    for name, key in KEYS.items():
        add_key(_C, name, key.default)
