"""Configurations from files that are written for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fvcore.common.config import CfgNode

# Programs import the engine before they check a configuration; it registers all entries.
import slowfast.engine  # noqa: F401
from slowfast.config.defaults import get_cfg

RUNNABLE = {
    "TRAIN.DATASET": "ak",
    "TEST.DATASET": "ak",
    "DATA.MULTI_LABEL": True,
    "MODEL.HEAD_ACT": "sigmoid",
    "MODEL.LOSS_FUNC": "bce_loss",
}


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by dotted key, in the nested form of YAML."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        node = tree
        *groups, leaf = key.split(".")
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = value
    return tree


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes settings, or a text, to a YAML file in the current folder, and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(settings: dict[str, Any] | str, name: str = "X.yaml") -> str:
        text = settings if isinstance(settings, str) else yaml.safe_dump(nested(settings))
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
        return name

    return write


@pytest.fixture
def load(write: Callable[..., str]) -> Callable[..., CfgNode]:
    """The configuration of a file X.yaml with these settings, or this text."""

    def load(settings: dict[str, Any] | str) -> CfgNode:
        cfg = get_cfg()
        cfg.merge_from_file(write(settings))
        return cfg

    return load


@pytest.fixture
def load_runnable(load: Callable[..., CfgNode]) -> Callable[..., CfgNode]:
    """The configuration of a file X.yaml with these settings, added to some that can run."""
    return lambda settings=(): load(RUNNABLE | dict(settings))
