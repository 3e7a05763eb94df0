"""The keys of slowfast.ak in the configuration of an upstream checkout.

Notable: keys that the checkout has already stay as they are, and what cannot be meant alike is
refused. Two keys of upstream's main, which a file of configs/AK sets, are lent to branches that
lack them; `slowfast.ak.upstream.frozen` then does what they ask for. One that they all set is
taken and not served.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS, AkKey, add_key
from slowfast.ak.errors import UserError

logger = logging.getLogger(__name__)

LENT_KEYS = {
    "MODEL.DETACH_FINAL_FC": AkKey(False, "Freeze all weights below the head's projection."),
    "MODEL.FROZEN_BN": AkKey(
        False, "Keep statistics, weight and bias of all norm layers as they are in training."
    ),
}

# Of keys that this tree alone serves, those that configs/AK sets: there all checkpoints stay.
NOT_SERVED = {"TRAIN.CHECKPOINT_KEEP"}

# Those of LENT_KEYS that this checkout did not have.
lent: set[str] = set()


def with_ak_keys(add_custom_config: Callable[..., Any]) -> Callable[..., Any]:
    """The user's function, followed by `add_ak_keys` to the configuration that it is given."""

    @functools.wraps(add_custom_config)
    def add_both(*args: Any, **kwargs: Any) -> Any:
        result = add_custom_config(*args, **kwargs)
        add_ak_keys(next(a for a in (*args, *kwargs.values()) if isinstance(a, CfgNode)))
        return result

    return add_both


def add_ak_keys(cfg: CfgNode) -> None:
    """Add the keys that work in a checkout, those of LENT_KEYS that it lacks, and NOT_SERVED.

    Raises:
        UserError: the checkout has keys of these names that cannot mean the same. All are named.
    """
    wanted = LENT_KEYS | {
        name: key for name, key in KEYS.items() if not key.tree_only or name in NOT_SERVED
    }
    if clashes := [words for name, key in wanted.items() if (words := _clash(cfg, name, key))]:
        raise UserError(
            "This checkout has keys that slowfast.ak needs for something else:\n  "
            + "\n  ".join(dict.fromkeys(clashes))
            + "\nRename the checkout's own, where its slowfast/config adds them and wherever they "
            "are read."
        )
    for name, key in wanted.items():
        if (there := _get(cfg, name)) is None:
            add_key(cfg, name, key.default)
            lent.update({name} & LENT_KEYS.keys())
        elif there != key.default:
            logger.warning(
                f"{name}: the default of this checkout, {there!r}, is kept in place of "
                f"{key.default!r}. In slowfast.ak the key means: {key.comment}"
            )


def _clash(cfg: CfgNode, name: str, key: AkKey) -> str:
    """In words, why a key cannot be added to a configuration nor taken as it is there."""
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
    """The value of a key, None where there is none; no key of ours is None by default."""
    for part in name.split("."):
        cfg = cfg.get(part, CfgNode())
    return None if isinstance(cfg, CfgNode) else cfg


def settle_ak_keys(cfg: CfgNode) -> None:
    """Check the values of the keys, before a run; with CHECKPOINT_SKIP_HEAD epochs start anew.

    Upstream would go on after the last epoch of the file that the weights come from, with its
    optimizer. A run that is taken up again does not look at CHECKPOINT_EPOCH_RESET.

    Raises:
        UserError: values that a key does not take. All are named.
    """
    values = ((name, key, _get(cfg, name)) for name, key in KEYS.items() if not key.tree_only)
    if wrong := [words for name, key, value in values for words in _wrong(name, key, value)]:
        raise UserError("\n".join(wrong))
    if cfg.TRAIN.CHECKPOINT_SKIP_HEAD:
        cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True


def _wrong(name: str, key: AkKey, value: Any) -> Iterator[str]:
    if value is None:  # as YAML's null is
        yield f"{name}: found nothing, expected a value such as {key.default!r}."
        return
    if key.choices and value not in key.choices:
        expected = ", ".join(str(choice) or "''" for choice in key.choices)
        yield f"{name}: found {value!r}, expected one of {expected}."
    for number in value if isinstance(value, (list, tuple)) else [value]:
        if key.low is not None and not number >= key.low:
            yield f"{name}: found {value}, expected at least {key.low:g}."
        if key.high is not None and not number <= key.high:
            yield f"{name}: found {value}, expected at most {key.high:g}."
