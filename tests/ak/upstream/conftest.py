"""Configurations of upstream's two branches, and the data set in a checkout."""

import json
import shutil
from pathlib import Path

import pytest
from fvcore.common.config import CfgNode

from slowfast.ak.config import add_key
from slowfast.ak.losses import context
from slowfast.ak.registries.datasets import DatasetFacts
from slowfast.ak.registries.registry import Registry
from slowfast.ak.upstream import config
from slowfast.ak.upstream.data import Ak
from slowfast.config.defaults import get_cfg
from slowfast.datasets import build

REFERENCE = Path(__file__).parents[2] / "reference"
BRANCHES = ("main", "haooooooqi-patch-2")


def defaults(branch):
    cfg = CfgNode()
    table = json.loads((REFERENCE / f"config_defaults_{branch}.json").read_text())
    for name, default in table.items():
        add_key(cfg, name, default)
    return cfg


@pytest.fixture(params=BRANCHES)
def branch(request):
    return request.param


@pytest.fixture(autouse=True)
def _clean_state(monkeypatch):
    monkeypatch.setattr(config, "lent", set())
    yield
    context.clear()


@pytest.fixture
def cfg(tiny_ak):
    """A configuration that reads the tiny data set."""
    cfg = get_cfg()
    cfg.merge_from_list(tiny_ak.opts())
    return cfg


@pytest.fixture
def spoil(cfg, tiny_ak, tmp_path):
    """`spoil(*names)` makes clips unreadable; returns the configuration."""

    def spoil(*clips):
        shutil.copytree(tiny_ak.image, tmp_path / "image")
        for clip in clips:
            for path in tmp_path.glob(f"image/{clip}/*"):
                path.write_bytes(b"")
        cfg.DATA.PATH_PREFIX = str(tmp_path / "image")
        return cfg

    return spoil


@pytest.fixture
def registry(monkeypatch):
    """An empty registry of data sets; the class `Ak` is as before it is registered."""
    empty = Registry("data set", "TRAIN.DATASET", DatasetFacts, ignores_case=True)
    monkeypatch.setattr(build, "DATASET_REGISTRY", empty)
    monkeypatch.setattr(Ak, "with_time", Ak.with_time)
    return build.DATASET_REGISTRY
