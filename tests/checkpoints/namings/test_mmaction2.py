"""MMAction2's names lead to the same entries, and differences of its networks are reported.

Each file is made of our own network by the way back: our names, written as MMAction2 writes them.
"""

import logging
import re

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_file
from tests.checkpoints.namings.naming_cases import filled, make
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST, X3D

SLOWFAST_8 = {**SLOWFAST, "RESNET.WIDTH_PER_GROUP": 8, "SLOWFAST.ALPHA": 4}
X3D_S = {**X3D, "X3D.DEPTH_FACTOR": 1.0, "X3D.DIM_C5": 32}
NON_LOCAL = {**I3D, "NONLOCAL.LOCATION": [[[]], [[1]], [[]], [[]]]}


def their_name(name: str, is_x3d: bool, two_pathways: bool) -> str:
    """Returns MMAction2's name of an entry of ours."""
    if name.startswith("head."):
        projection = "fc2" if is_x3d else "fc_cls"
        for ours, theirs in (
            ("head.projection", f"cls_head.{projection}"),
            ("head.lin_5", "cls_head.fc1"),
            ("head.conv_5_bn", "backbone.conv5.bn"),
            ("head.conv_5", "backbone.conv5.conv"),
        ):
            if name.startswith(f"{ours}."):
                return name.replace(ours, theirs)
    pathway = ""
    if two_pathways:
        pathway = "fast_path." if "pathway1" in name else "slow_path."
    name = re.sub(r"pathway[01]_", "", name)
    name = re.sub(r"^s1_fuse", "conv1_lateral", name)
    name = re.sub(r"^s(\d)_fuse", lambda m: f"layer{int(m[1]) - 1}_lateral", name)
    name = name.replace("_lateral.conv_f2s", "_lateral.conv")
    name = name.replace("s1.stem.conv_xy", "conv1_s.conv")
    name = name.replace("s1.stem.", "conv1_t." if is_x3d else "conv1.")
    name = re.sub(r"^s(\d)\.res(\d+)", lambda m: f"layer{int(m[1]) - 1}.{m[2]}", name)
    name = re.sub(r"branch2\.se", "se_module", name)
    name = re.sub(
        r"branch2\.([abc])(_bn)?\.",
        lambda m: f"conv{'abc'.index(m[1]) + 1}.{'bn' if m[2] else 'conv'}.",
        name,
    )
    name = name.replace("branch1_bn", "downsample.bn").replace("branch1.", "downsample.conv.")
    name = re.sub(
        r"^s(\d)\.nonlocal(\d+)", lambda m: f"layer{int(m[1]) - 1}.{m[2]}.non_local_block", name
    )
    for ours, theirs in (
        ("conv_g.", "g.0.conv."),
        ("conv_phi.", "phi.0.conv."),
        ("conv_theta.", "theta.conv."),
        ("conv_out.", "conv_out.conv."),
        ("block.bn.", "block.conv_out.bn."),
    ):
        name = name.replace(ours, theirs)
    return f"backbone.{pathway}{name}"


def their_file(path, settings: dict, without: str = "nothing") -> tuple:
    """Writes weights of our network as MMAction2 names them; returns the network and the path."""
    network = filled(make(settings)[1])
    kind = settings["MODEL.ARCH"]
    state = {}
    for name, value in network.state_dict().items():
        theirs = their_name(name, kind == "x3d", kind == "slowfast")
        if kind == "slowfast" and theirs == "cls_head.fc_cls.weight":
            value = torch.cat([value[:, 8 * 32 :], value[:, : 8 * 32]], dim=1)  # fast first
        if "fc1.weight" in theirs:
            value = value.flatten(1)  # a linear layer there
        if kind == "c2d" and value.ndim == 5:
            value = value.squeeze(2)  # 2D kernels there
        if not re.search(without, theirs):
            state[theirs] = value
    torch.save({"meta": {"mmengine_version": "0.10"}, "state_dict": state}, path / "mm.pth")
    return network, path / "mm.pth"


@pytest.mark.parametrize(
    ("settings", "caution"),
    [
        (SLOW, ""),
        (SLOWFAST_8, ""),
        (X3D_S, ""),
        (I3D, "halve the number of frames"),
        (C2D, "first pool of MMAction2's 2D networks has no padding"),
    ],
    ids=["slow", "slowfast", "x3d", "i3d", "c2d"],
)
def test_every_entry_is_found_again(tmp_path, caplog, settings, caution):
    theirs, path = their_file(tmp_path, settings)
    _, ours = make(settings)
    report = load_file(path, ours).report
    assert report.is_complete
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    assert "MMAction2 names, under `state_dict`" in str(report)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == bool(caution)
    assert all(caution in text for text in warnings)


def test_non_local_blocks_have_no_bias_there(tmp_path):
    theirs, path = their_file(tmp_path, NON_LOCAL, without=r"conv_out\.conv\.bias")
    _, ours = make(NON_LOCAL)
    report = load_file(path, ours).report
    assert report.is_complete
    assert report.neutral == ["s3.pathway0_nonlocal1.conv_out.bias"]
    theirs.s3.pathway0_nonlocal1.conv_out.bias.data.zero_()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name


def test_a_slowfast_without_norms_after_its_laterals_is_refused(tmp_path):
    _, path = their_file(tmp_path, SLOWFAST_8, without=r"_lateral\.bn")
    _, ours = make(SLOWFAST_8)
    before = ours.s1.pathway0_stem.conv.weight.clone()
    with pytest.raises(UserError, match=r"mm\.pth: .*neither norm nor ReLU.*lateral_norm=True"):
        load_file(path, ours)
    assert torch.equal(ours.s1.pathway0_stem.conv.weight, before)


STEM = {"backbone.conv1.conv.weight": torch.zeros(8, 3, 1, 7, 7)}


@pytest.mark.parametrize(
    ("block", "network"),
    [
        ({"conv1.conv.net.weight": torch.zeros(8, 8, 1, 1)}, "temporal shift"),
        (
            {"conv1.conv.weight": torch.zeros(8, 8, 1, 1, 1)}
            | {"conv2.0.conv.weight": torch.zeros(8, 1, 3, 3, 3)},
            "channel-separated",
        ),
    ],
)
def test_networks_that_are_not_built_are_named(tmp_path, block, network):
    state = STEM | {f"backbone.layer1.0.{name}": value for name, value in block.items()}
    torch.save({"state_dict": state}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=f"MMAction2 names, .*{network}"):
        load_file(tmp_path / "other.pth", make(SLOW)[1])
