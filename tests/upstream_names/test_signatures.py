"""Every public name of upstream can be imported, and has upstream's parameters."""

import importlib
import inspect
import json
import math
from pathlib import Path

import pytest
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.upstream_names.not_built import signature, stand_in, table

UPSTREAM = json.loads((Path(__file__).parents[1] / "reference/upstream_names.json").read_text())

# Names whose parameters differ on purpose.
DIFFERENT = {
    # The channels come first, as in torch's norms. Upstream's callers name both arguments.
    ("slowfast.models.batchnorm_helper", "SubBatchNorm3d"),
}
# Names that upstream's modules hold for themselves.
LEFT_OUT = {
    "AVA_VALID_FRAMES",
    "FPS",
    "LEVEL_TO_ARG",
    "NAME_TO_OP",
    "TORCH_MAJOR",
    "TORCH_MINOR",
    "_MODEL_TYPES",
}


def names() -> list:
    return [
        pytest.param(path, name, declared, id=f"{path}.{name}")
        for path, members in UPSTREAM.items()
        for name, declared in members.items()
        if name not in LEFT_OUT
    ]


def default_of(parameter: inspect.Parameter) -> object:
    """The default as a plain value, or as a text if it is neither a value nor a class."""
    value = parameter.default
    if type(value).__name__ == "_Expression":
        value = eval(repr(value), {"nn": nn, "math": math})  # from the table beside this test
    return tuple(value) if isinstance(value, list) else value


def difference(upstream: inspect.Signature, ours: inspect.Signature) -> str:
    """What a call that fits upstream's parameters would meet here."""
    theirs, own = list(upstream.parameters.values()), list(ours.parameters.values())
    for place, wanted in enumerate(theirs):
        if place >= len(own) or own[place].name != wanted.name:
            return f"parameter {place} should be {wanted.name}"
        if own[place].kind != wanted.kind:
            return f"{wanted.name} has another kind"
        if wanted.default is not wanted.empty and default_of(wanted) != default_of(own[place]):
            return f"{wanted.name} has the default {own[place].default!r}"
    further = [each.name for each in own[len(theirs) :] if each.default is each.empty]
    return f"further parameters without defaults: {further}" if further else ""


def without_self(text: str) -> str:
    return text.replace("(self, ", "(").replace("(self)", "()")


@pytest.mark.parametrize(("path", "name", "declared"), names())
def test_parameters(path, name, declared):
    found = getattr(importlib.import_module(path), name)
    if declared is None or (path, name) in DIFFERENT:
        return
    if isinstance(declared, str):
        assert not difference(signature(declared), inspect.signature(found))
        return
    is_built = name not in table().get(path, {})
    for method, text in declared.items():
        if method == "__init__":
            assert not difference(signature(without_self(text)), inspect.signature(found))
        elif is_built and text.startswith("property"):
            assert isinstance(inspect.getattr_static(found, method), property), method
        elif is_built and isinstance(found.__dict__.get(method), property):  # one with a setter
            assert text == "(self, value)"
            assert found.__dict__[method].fset, method
        elif is_built and text.startswith("staticmethod"):
            assert callable(getattr(found, method)), method
        elif is_built:
            own = inspect.signature(getattr(found, method))
            if method in ("forward", "__getitem__"):  # their argument is never named
                assert len(own.parameters) >= len(signature(text).parameters)
            else:
                assert not difference(signature(text), own), method


def test_what_is_not_built_says_so_when_it_is_called():
    for path, missing in table().items():
        for name in missing:
            found = stand_in(path, name)
            with pytest.raises(UserError, match=r"not built here|upstream's own") as error:
                found(*range(3))
            assert f"{path}.{name}: " in str(error.value)
            assert "Instead, " in str(error.value)
