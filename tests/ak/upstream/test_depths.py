"""A depth of 18 where the checkout's table lacks it."""

import sys
from types import ModuleType

import pytest

from slowfast.ak.upstream.depths import lend_depths

NAME = "slowfast.models.video_model_builder"


@pytest.mark.parametrize("own", [{}, {18: (1, 1, 1, 1)}])
def test_what_lacks_is_lent(monkeypatch, own):
    module = ModuleType(NAME)
    module._MODEL_STAGE_DEPTH = {50: (3, 4, 6, 3), **own}
    monkeypatch.setitem(sys.modules, NAME, module)
    lend_depths()
    assert module._MODEL_STAGE_DEPTH[18] == own.get(18, (2, 2, 2, 2))
    assert module._MODEL_STAGE_DEPTH[50] == (3, 4, 6, 3)


def test_a_checkout_without_that_table_is_left_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    lend_depths()
    monkeypatch.setitem(sys.modules, NAME, ModuleType(NAME))
    lend_depths()
    assert not hasattr(sys.modules[NAME], "_MODEL_STAGE_DEPTH")
