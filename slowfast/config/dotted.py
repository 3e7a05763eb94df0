"""Reading and writing a configuration by dotted keys, such as ``SOLVER.BASE_LR``."""

from __future__ import annotations

import difflib
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.nearest import nearest


def get(cfg: CfgNode, key: str) -> Any:
    """The value of a dotted key."""
    node: Any = cfg
    for part in key.split("."):
        node = node[part]
    return node


def has(cfg: CfgNode, key: str) -> bool:
    """Whether a configuration has a dotted key or group."""
    node: Any = cfg
    for part in key.split("."):
        if not isinstance(node, CfgNode) or part not in node:
            return False
        node = node[part]
    return True


def set_value(cfg: CfgNode, key: str, value: Any) -> None:
    """Sets a dotted key that the configuration has."""
    group, _, leaf = key.rpartition(".")
    (get(cfg, group) if group else cfg)[leaf] = value


def dotted_keys(cfg: CfgNode, prefix: str = "") -> list[str]:
    """All dotted keys of a configuration, without the groups."""
    keys = []
    for name, value in cfg.items():
        inner = isinstance(value, CfgNode)
        keys += dotted_keys(value, f"{prefix}{name}.") if inner else [prefix + str(name)]
    return keys


def nearest_key(cfg: CfgNode, key: str) -> str | None:
    """The key or group with the name most similar to a misspelt one.

    A key with the same last part comes first, then the key with the most similar letters. Two or
    three keys with the same last part are returned as "A or B", or "A, B or C".
    """
    keys = dotted_keys(cfg)
    groups = {key.rsplit(".", depth)[0] for key in keys for depth in range(1, key.count(".") + 1)}
    by_upper = {name.upper(): name for name in (*groups, *keys)}
    if key.upper() in by_upper:
        return by_upper[key.upper()]
    leaf = key.upper().rsplit(".", 1)[-1]
    same_leaf = [name for name in keys if name.rsplit(".", 1)[-1] == leaf]
    if len(same_leaf) in (2, 3):
        *others, last = sorted(same_leaf, reverse=True)
        return f"{', '.join(others)} or {last}"
    if same_leaf:
        return max(same_leaf, key=lambda name: difflib.SequenceMatcher(None, name, key).ratio())
    return next(iter(nearest(key, (*groups, *keys), count=1, cutoff=0.6)), None)


def show(value: Any) -> str:
    """A value as it is written in YAML or on a command line; invisible characters are quoted."""
    plain = isinstance(value, str) and value.strip() and value.isprintable()
    text = value if plain else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def key_and_value(cfg: CfgNode, key: str) -> str:
    """``KEY value``, for messages."""
    return f"{key} {show(get(cfg, key))}"
