"""Configurations of upstream's two branches, made of their recorded defaults."""

import json
from pathlib import Path

import pytest
from fvcore.common.config import CfgNode

from slowfast.ak.config import add_key
from slowfast.ak.losses import context
from slowfast.ak.upstream import config

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
