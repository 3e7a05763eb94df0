"""ResNet-18 in a checkout whose table of depths lacks it."""

import sys
from types import ModuleType

import pytest

from slowfast.ak.upstream.older_branches.resnet_depths import add_depth_18

NAME = "slowfast.models.video_model_builder"


@pytest.mark.parametrize("own", [{}, {18: (1, 1, 1, 1)}])
def test_depth_18_is_added_and_replaces_nothing(monkeypatch, own):
    module = ModuleType(NAME)
    module._MODEL_STAGE_DEPTH = {50: (3, 4, 6, 3), **own}
    monkeypatch.setitem(sys.modules, NAME, module)
    add_depth_18()
    assert {50: (3, 4, 6, 3), 18: own.get(18, (2, 2, 2, 2))} == module._MODEL_STAGE_DEPTH
