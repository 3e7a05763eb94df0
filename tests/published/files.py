"""The published configurations: their names, which of them run here, and their YAML files.

`tests/reference/zoo_configs.json` has what each file sets. Six files do not load upstream as they
are published. Their settings are the intended ones here; `test_faulty_files.py` has the faults.
"""

import json
from pathlib import Path
from typing import Any

import yaml

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "reference" / "zoo_configs.json").read_text()
)


def not_served(name: str) -> str:
    """Why a published file is not run here; empty if it is."""
    settings = PUBLISHED[name]
    if settings.get("TRAIN.DATASET") == "ava":
        return "detection of actions in boxes (AVA)"
    if settings.get("MODEL.MODEL_NAME") == "MaskMViT":
        return "masked pre-training"
    if settings.get("MODEL.MODEL_NAME") == "ContrastiveModel":
        return "contrastive pre-training"
    return ""


SERVED = sorted(name for name in PUBLISHED if not not_served(name))


def folder_of(name: str) -> str:
    """The folder of a published file, such as Kinetics/c2."""
    return name.rpartition("/")[0]


def as_yaml(settings: dict[str, Any]) -> str:
    """The text of a YAML file with settings by dotted key."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *groups, leaf = key.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = value
    return yaml.safe_dump(tree)


def write(name: str, folder: Path) -> Path:
    """Writes a published file below a folder, and returns its path."""
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_yaml(PUBLISHED[name]))
    return path
