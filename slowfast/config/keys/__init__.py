"""Every key of the configuration.

The YAML files of this folder are tables of the keys that this tree uses, one file a topic.
``unserved.yaml`` lists upstream's keys that have no effect here. ``readers.yaml`` says when a run
reads a key. The tables have all keys of both
upstream branches, so that any published YAML file loads. ``slowfast.ak.config`` and the
registries (losses, networks, data sets, metrics, tasks) add the keys of this project.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.ak.keys import Key, read_keys
from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.metrics import METRICS
from slowfast.ak.registries.networks import NETWORKS
from slowfast.ak.registries.tasks import TASKS

REGISTRIES = (LOSSES, NETWORKS, DATASETS, METRICS, TASKS)


_FOLDER = Path(__file__).parent
_TOPICS = ("run", "data", "model", "transformers", "solver", "augmentation", "visualization")
_UNSERVED = yaml.safe_load((_FOLDER / "unserved.yaml").read_text(encoding="utf-8"))


def _unserved_keys() -> dict[str, Key]:
    return {
        name: Key(default, unserved=group["why"], is_switch="switches" in group)
        for group in _UNSERVED
        for name, default in group.get("switches", group.get("keys", {})).items()
    }


UPSTREAM_KEYS: dict[str, Key] = {
    **{
        name: key for topic in _TOPICS for name, key in read_keys(_FOLDER / f"{topic}.yaml").items()
    },
    **_unserved_keys(),
}

# The keys of tools/predict.py. Upstream has no such program.
PREDICTION_KEYS: dict[str, Key] = read_keys(_FOLDER / "prediction.yaml")


def ignored_names() -> dict[str, list[str]]:
    """Patterns of dotted keys that published files set and upstream lacks, by the reason."""
    return {group["why"]: group["names"] for group in _UNSERVED if "names" in group}


def is_read_by_nothing(key: str) -> bool:
    """Whether published files set a dotted key that no version of SlowFast has or reads."""
    patterns = (pattern for names in ignored_names().values() for pattern in names)
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def registered_keys() -> dict[str, Key]:
    """The keys of all registered losses and other entries, by dotted name."""
    import slowfast.ak.losses  # noqa: F401 -- registers the losses; needs torch

    return {name: key for each in REGISTRIES for name, key in each.configuration_keys().items()}


def known_keys() -> dict[str, Key]:
    """Every key by its dotted name, without the keys that ``custom_config`` adds."""
    return {**UPSTREAM_KEYS, **AK_KEYS, **PREDICTION_KEYS, **registered_keys()}
