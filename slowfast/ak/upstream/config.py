"""Adds the keys of slowfast.ak to the configuration of an upstream checkout.

A key that the checkout already has keeps its default; if it cannot have the same meaning, it is
refused. A recipe in configs/AK sets two keys of upstream's main. They are added to branches that
lack them, and `older_branches.frozen_layers` serves them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS, add_key
from slowfast.ak.errors import UserError
from slowfast.ak.keys import Key
from slowfast.ak.losses import LOSSES
from slowfast.ak.paths import expand, not_expanded

logger = logging.getLogger(__name__)

LENT_KEYS = {
    "MODEL.DETACH_FINAL_FC": Key(False, "Freeze all weights below the head's projection."),
    "MODEL.FROZEN_BN": Key(
        False, "Keep statistics, weight and bias of all norm layers as they are in training."
    ),
}

# Keys that recipes in configs/AK set and that a checkout does not serve: it keeps all checkpoints.
NOT_SERVED = {"TRAIN.CHECKPOINT_KEEP"}

# The keys of LENT_KEYS that this checkout lacked.
lent: set[str] = set()


def with_ak_keys(add_custom_config: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the user's function, followed by `add_ak_keys` on the configuration that it gets."""

    @functools.wraps(add_custom_config)
    def add_both(*args: Any, **kwargs: Any) -> Any:
        result = add_custom_config(*args, **kwargs)
        add_ak_keys(next(a for a in (*args, *kwargs.values()) if isinstance(a, CfgNode)))
        return result

    return add_both


def ak_keys() -> dict[str, Key]:
    """Returns the keys of slowfast.ak, including the keys of its losses."""
    return KEYS | LOSSES.configuration_keys()


def add_ak_keys(cfg: CfgNode) -> None:
    """Adds the keys that work in a checkout, the keys of LENT_KEYS that it lacks, and NOT_SERVED.

    Raises:
        UserError: the checkout has keys of these names with another meaning; the error lists all.
    """
    wanted = LENT_KEYS | {
        name: key for name, key in ak_keys().items() if not key.tree_only or name in NOT_SERVED
    }
    if clashes := [words for name, key in wanted.items() if (words := _clash(cfg, name, key))]:
        raise UserError(
            "This checkout has keys that mean something else in slowfast.ak:\n  "
            + "\n  ".join(dict.fromkeys(clashes))
            + "\nRename the checkout's keys, in its slowfast/config and wherever they are read."
        )
    for name, key in wanted.items():
        if (there := _get(cfg, name)) is None:
            add_key(cfg, name, key.default)
            lent.update({name} & LENT_KEYS.keys())
        elif there != key.default:
            logger.warning(
                f"{name}: this checkout's default {there!r} is kept; slowfast.ak has the default "
                f"{key.default!r}, and reads the key as: {key.comment}"
            )


def _clash(cfg: CfgNode, name: str, key: Key) -> str:
    """Returns why a key can neither be added nor used as it is there; empty if it can."""
    node, *groups = cfg, *name.split(".")
    for depth, part in enumerate(groups, start=1):
        if part not in node:
            return ""
        node, path, is_leaf = node[part], ".".join(groups[:depth]), depth == len(groups)
        if is_leaf and isinstance(node, CfgNode):
            return f"{path} is a group of keys there; here it is {_typed(key.default)}"
        if not is_leaf and not isinstance(node, CfgNode):
            return f"{path} is {node!r} there; here it is a group of keys"
    if type(node) is not type(key.default):
        return f"{name} is {_typed(node)} there; here it is {_typed(key.default)}"
    return ""


def _typed(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"


def _get(cfg: CfgNode, name: str) -> Any:
    """Returns the value of a key; None without the key, as no key of slowfast.ak is None."""
    for part in name.split("."):
        cfg = cfg.get(part, CfgNode())
    return None if isinstance(cfg, CfgNode) else cfg


def settle_ak_keys(cfg: CfgNode) -> None:
    """Checks the values of the keys before a run, and expands `~` and `$NAME` in paths.

    It sets CHECKPOINT_EPOCH_RESET with CHECKPOINT_SKIP_HEAD. Otherwise upstream would go on after
    the last epoch of the file that the weights come from, with the optimizer of that file. A
    resumed run does not read the key.

    Raises:
        UserError: keys have values that are not allowed; the error lists all.
    """
    used = {name: key for name, key in ak_keys().items() if not key.tree_only}
    for name, key in used.items():
        if key.kind == "path" and isinstance(value := _get(cfg, name), str):
            *groups, leaf = name.split(".")
            functools.reduce(CfgNode.__getitem__, groups, cfg)[leaf] = expand(value)
    values = ((name, key, _get(cfg, name)) for name, key in used.items())
    if wrong := [words for name, key, value in values for words in _wrong(name, key, value)]:
        raise UserError("\n".join(wrong))
    if cfg.TRAIN.CHECKPOINT_SKIP_HEAD:
        cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True


def _wrong(name: str, key: Key, value: Any) -> Iterator[str]:
    if value is None:  # YAML's null
        yield f"{name}: found no value, expected one such as {key.default!r}."
        return
    words = key.problem_with(value)
    if key.kind == "path" and not words and (why := not_expanded(value)):
        words = f"but {why}; write the path in full"
    if words:
        yield f"{name}: found {value!r}, {words}."
