"""Arguments of a call are found by the name of the parameter."""

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.arguments import binder


def construct_loader(cfg, split="train", *more, **others): ...


def test_arguments_are_found_however_they_are_passed():
    bind = binder(construct_loader, "cfg", "split")
    assert bind(1, "val").arguments["split"] == "val"
    assert bind(split="val", cfg=1).arguments["cfg"] == 1
    assert bind(1).arguments["split"] == "train"


def test_a_function_without_the_parameter_is_refused_at_once():
    with pytest.raises(UserError, match=r"construct_loader\(cfg.*expects.*config is missing"):
        binder(construct_loader, "config")
