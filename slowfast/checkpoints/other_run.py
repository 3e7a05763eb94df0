"""Whether a checkpoint is of the run that is configured: what differs, and whether that matters.

Notable: three kinds of keys. Another network, data set, loss, optimizer or sampler makes another
run, whose state is of no use to this one. A learning rate, or the number of epochs or processes,
may be changed on the way, and is told. Of paths and tests, which change nothing that is trained,
nothing is said. A key that the checkpoint does not know had its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from fvcore.common.config import CfgNode

from slowfast.config.defaults import get_cfg
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.merge import dotted_keys
from slowfast.config.provenance import get, show

# Beginnings of keys.
_NETWORK = (
    *("MODEL.ARCH", "MODEL.MODEL_NAME", "MODEL.NUM_CLASSES"),
    *("RESNET.", "NONLOCAL.", "SLOWFAST.", "X3D."),
)
_REST_OF_THE_RUN = (
    *("MODEL.LOSS_FUNC", "MODEL.DETACH_FINAL_FC", "TRAIN.DATASET", "DATA.MULTI_LABEL"),
    *("SOLVER.OPTIMIZING_METHOD", "DATA_LOADER.SAMPLER"),
)
_TOLD = (
    *("NUM_SHARDS", "NUM_GPUS", "CPU_PROCESSES", "TRAIN.BATCH_SIZE", "TRAIN.MIXED_PRECISION"),
    *("RNG_SEED", "DATA_LOADER.REPEAT_THRESHOLD"),
    *("DATA.", "MODEL.", "BN.", "SOLVER.", "LOSS.", "AUG.", "MIXUP."),
)
_SILENT = (
    *("DATA.PATH_", "DATA.DECODING_", "DATA.MAX_BAD_FRACTION", "DATA.READ_TIMEOUT"),
    *("DATA.ENSEMBLE_METHOD", "LOSS.CLASS_COUNTS", "SOLVER.BASE_LR_SCALE_NUM_SHARDS"),
    *("MODEL.ACT_CHECKPOINT", "MODEL.FC_INIT_STD", "RESNET.ZERO_INIT_", "RESNET.INPLACE_RELU"),
    *("MODEL.SINGLE_PATHWAY_ARCH", "MODEL.MULTI_PATHWAY_ARCH"),
)


class Difference(NamedTuple):
    """A key of which a checkpoint and this run have different values."""

    key: str
    there: Any
    here: Any

    @property
    def is_of_the_network(self) -> bool:
        return self.key.startswith(_NETWORK)

    @property
    def makes_another_run(self) -> bool:
        return self.key.startswith(_NETWORK + _REST_OF_THE_RUN)

    def __str__(self) -> str:
        return f"{self.key} {show(self.there)} there, {show(self.here)} here"


def settings_in(cfg_text: Any) -> dict[str, Any]:
    """Values by dotted key of the configuration that a checkpoint holds as YAML; empty where it
    holds none."""
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
    """What differs, and is not to be passed over in silence; nothing where the text says nothing.

    Args:
        cfg_text: the configuration of the checkpoint, as YAML.
    """
    saved, defaults = settings_in(cfg_text), get_cfg()
    found = []
    for key in filter(_is_of_note, dotted_keys(defaults)) if saved else ():
        difference = Difference(key, saved.get(key, get(defaults, key)), get(cfg, key))
        if _comparable(difference.there) != _comparable(difference.here):
            found.append(difference)
    return found


def _is_of_note(key: str) -> bool:
    upstreams = UPSTREAM_KEYS.get(key)
    has_no_effect = upstreams and (upstreams.idle or upstreams.not_built)
    return key.startswith(_NETWORK + _REST_OF_THE_RUN + _TOLD) and not (
        has_no_effect or key.startswith(_SILENT)
    )


def _comparable(value: Any) -> Any:
    """Letters of either case name the same thing, and a tuple is a list."""
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    return value.lower() if isinstance(value, str) else value
