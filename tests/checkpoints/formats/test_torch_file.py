"""What training programs save beside weights does not keep the weights from being read."""

import argparse
import datetime
import pathlib
from collections import defaultdict

import pytest
import torch
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.checkpoints.formats.reading import read_weight_file


@pytest.mark.parametrize("is_zip", [True, False])
def test_values_beside_weights_are_left_out(tmp_path, is_zip):
    values = {
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("x")),
        "cfg": CfgNode({"MODEL": {"ARCH": "slow"}}),
        "counts": defaultdict(int, {"a": 1}),
        "when": datetime.datetime(2020, 1, 1),
    }
    state = {"w": torch.ones(2)}
    path = tmp_path / "x.pth"
    torch.save({"model": state, **values}, path, _use_new_zipfile_serialization=is_zip)
    content = read_weight_file(path).content
    assert torch.equal(content["model"]["w"], state["w"])
    assert content["cfg"] == {"MODEL": {"ARCH": "slow"}}
    assert content["counts"] == {"a": 1}
    assert type(content["args"]) not in (argparse.Namespace, pathlib.PosixPath)


class Asks:
    """Unpickling this object would look up an attribute that does not exist."""

    def __reduce__(self):
        return getattr, (argparse.Namespace, "attribute")


def test_attributes_are_not_looked_up(tmp_path):
    torch.save({"w": torch.ones(2), "method": Asks()}, tmp_path / "x.pth")
    assert torch.equal(read_weight_file(tmp_path / "x.pth").content["w"], torch.ones(2))


class Other:
    """A class that no stand-in is known for."""


def test_other_classes_inside_such_values_are_refused(tmp_path):
    torch.save({"args": argparse.Namespace(x=Other())}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"would run code \(\S*Other\)"):
        read_weight_file(tmp_path / "x.pth")
