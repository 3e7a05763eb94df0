"""The settings in which a checkpoint's run differs from the configured run, and their meaning.

There are three kinds of keys. Another network, data set, loss, optimizer or sampler makes another
run: its state cannot be continued. A learning rate or a number of epochs or processes may change
within a run, with a warning. Paths and test settings do not affect training and are ignored. A
key that is missing in the checkpoint had its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from fvcore.common.config import CfgNode

from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys, get, show
from slowfast.config.keys import UPSTREAM_KEYS

# Prefixes of keys.
_NETWORK = (
    *("MODEL.ARCH", "MODEL.MODEL_NAME", "MODEL.NUM_CLASSES"),
    *("RESNET.", "NONLOCAL.", "SLOWFAST.", "X3D."),
)
_REST_OF_THE_RUN = (
    *("MODEL.LOSS_FUNC", "MODEL.DETACH_FINAL_FC", "TRAIN.DATASET", "DATA.MULTI_LABEL"),
    *("SOLVER.OPTIMIZING_METHOD", "DATA_LOADER.SAMPLER"),
)
_WARNED = (
    *("NUM_SHARDS", "NUM_GPUS", "CPU_PROCESSES", "TRAIN.BATCH_SIZE", "TRAIN.MIXED_PRECISION"),
    *("RNG_SEED", "DATA_LOADER.REPEAT_THRESHOLD"),
    *("DATA.", "MODEL.", "BN.", "SOLVER.", "LOSS.", "AUG.", "MIXUP.", "FRAMESTACK."),
)
_IGNORED = (
    *("DATA.PATH_", "DATA.DECODING_", "DATA.MAX_BAD_FRACTION", "DATA.READ_TIMEOUT"),
    *("DATA.ENSEMBLE_METHOD", "LOSS.CLASS_COUNTS", "SOLVER.BASE_LR_SCALE_NUM_SHARDS"),
    *("MODEL.ACT_CHECKPOINT", "MODEL.FC_INIT_STD", "RESNET.ZERO_INIT_", "RESNET.INPLACE_RELU"),
    *("MODEL.SINGLE_PATHWAY_ARCH", "MODEL.MULTI_PATHWAY_ARCH"),
)


class Difference(NamedTuple):
    """A key that has different values in a checkpoint and in this run."""

    key: str
    there: Any
    here: Any

    @property
    def is_in_network(self) -> bool:
        return self.key.startswith(_NETWORK)

    @property
    def makes_another_run(self) -> bool:
        return self.key.startswith(_NETWORK + _REST_OF_THE_RUN)

    def __str__(self) -> str:
        return f"{self.key} {show(self.there)} there, {show(self.here)} here"


def settings_in(cfg_text: Any) -> dict[str, Any]:
    """Returns the values by dotted key of a configuration in YAML; empty if the text is none."""
    try:
        return dict(_leaves(yaml.safe_load(cfg_text), ""))
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        return {}


def _leaves(tree: dict, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differences(cfg: CfgNode, cfg_text: str) -> list[Difference]:
    """Returns the differences that need a warning or an error; none if the text is empty.

    Args:
        cfg_text: the configuration of the checkpoint, in YAML.
    """
    saved, defaults = settings_in(cfg_text), get_cfg()
    found = []
    for key in filter(_matters, dotted_keys(defaults)) if saved else ():
        difference = Difference(key, saved.get(key, get(defaults, key)), get(cfg, key))
        if _comparable(difference.there) != _comparable(difference.here):
            found.append(difference)
    return found


def _matters(key: str) -> bool:
    upstream_key = UPSTREAM_KEYS.get(key)
    has_no_effect = upstream_key and upstream_key.unserved
    return key.startswith(_NETWORK + _REST_OF_THE_RUN + _WARNED) and not (
        has_no_effect or key.startswith(_IGNORED)
    )


def _comparable(value: Any) -> Any:
    """Returns a value for comparison: case does not matter, and a tuple equals a list."""
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    return value.lower() if isinstance(value, str) else value
