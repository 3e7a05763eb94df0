"""Tensors of other shapes and names are loaded as upstream loads them, or better where it errs."""

import json
from pathlib import Path

import pytest
import torch

from reference_parts.checkpoints import FOLDER, Bare, drawn
from reference_parts.files import REFERENCE
from slowfast.ak.errors import UserError
from slowfast.checkpoints.names import get_last_checkpoint, get_path_to_checkpoint
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm
from slowfast.checkpoints.weights import load_weights
from slowfast.upstream_names.checkpoint import load_checkpoint

MEASURED = json.loads((REFERENCE / "checkpoint_naming.json").read_text())
SMALL = {
    f"{case['case']}{' (image_init)' * bool(case['options'].get('image_init'))}": case
    for case in MEASURED["small"]
}
POOLING = "kernels of pooling 1x3x3 to 3x3x3 (image_init)"
PATCHES = "patch embedding, image to video (image_init)"
ERRORS = {name for name, case in SMALL.items() if "fails" in case}
TILED = "head of a class number that is a multiple"


def loaded(case, tmp_path):
    """Loads the file of a case; returns the network and the epoch, None if nothing fits."""
    network = Bare(case["model"])
    content = {"model_state": drawn(case["checkpoint"]), "optimizer_state": {}}
    if case["case"].startswith("epoch"):
        content["epoch"] = 7
    torch.save(content, tmp_path / "x.pyth")
    try:
        return network, load_checkpoint(tmp_path / "x.pyth", network, **case["options"])
    except UserError as error:
        if "nothing in it matches this model" not in str(error):
            raise
        return network, None


def same(value, expected):
    return torch.allclose(value.flatten(), torch.tensor(expected), atol=2e-6)


@pytest.mark.parametrize("name", [n for n in SMALL if n not in {*ERRORS, POOLING, PATCHES, TILED}])
def test_entries_are_loaded_as_upstream_loads_them(tmp_path, name):
    case = SMALL[name]
    network, epoch = loaded(case, tmp_path)
    assert epoch == (case["returns_epoch"] if case["loaded"] else None)
    for entry, value in network.state_dict().items():
        if entry in case["loaded"]:
            assert same(value, case["loaded"][entry]), entry
        else:
            assert not value.any(), entry


@pytest.mark.parametrize(("name", "frames"), [(POOLING, 3), (PATCHES, 2)])
def test_kernels_of_images_are_divided_by_their_number(tmp_path, name, frames):
    """Upstream repeats them undivided, so that a still clip gives a multiple of its image."""
    case = SMALL[name]
    network, _ = loaded(case, tmp_path)
    for entry, value in network.state_dict().items():
        factor = frames if value.ndim == 5 else 1
        assert same(value * factor, case["loaded"][entry]), entry


def test_what_ends_upstream_with_a_bare_error_is_loaded_as_far_as_it_fits(tmp_path):
    network, _ = loaded(SMALL["spatial positions, no square"], tmp_path)
    assert not network.pos_embed_spatial.any()
    for name in ERRORS - {"spatial positions, no square"}:
        network, _ = loaded(SMALL[name], tmp_path)
        assert all(value.any() for value in network.state_dict().values()), name


def test_a_bias_is_not_repeated_for_more_classes(tmp_path):
    network, _ = loaded(SMALL[TILED], tmp_path)
    assert not network.head.projection.bias.any()


def test_statistics_of_sub_batch_norm_are_named_plainly():
    case = MEASURED["sub_to_normal_batch_norm"]
    plain = to_plain_batch_norm(drawn(case["in"]))
    assert set(plain) == set(case["out"])
    for name, expected in case["out"].items():
        assert list(plain[name].shape) == expected["shape"], name
        assert same(plain[name], expected["values"]), name


def test_files_have_the_names_of_upstream(tmp_path):
    for case in MEASURED["file_names"]:
        assert get_path_to_checkpoint("OUT", case["epoch"], case["task"]) == case["path"]
    (tmp_path / "checkpoints").mkdir()
    for name in FOLDER:
        (tmp_path / "checkpoints" / name).touch()
    for case in MEASURED["last_checkpoint"]:
        last = get_last_checkpoint(tmp_path, case["task"])
        assert (last and Path(last).name) == case["last"]


def shapes_of(name):
    """The names and shapes of a published network."""
    return dict(json.loads((REFERENCE / "models" / f"{name}.json").read_text())["state_dict"])


def test_a_published_image_network_starts_a_published_video_network():
    """Upstream's kernels are repeated undivided, and it drops the positions."""
    case = next(case for case in MEASURED["real"] if case["from"] == "ImageNet/MVIT_B_16_CONV")
    network = Bare(shapes_of("Kinetics__MVIT_B_16x4_CONV"))
    weights = drawn(shapes_of("ImageNet__MVIT_B_16_CONV"))
    report = load_weights(network, weights, inflate=True)
    state = network.state_dict()
    for name, expected in case["loaded_reshaped"].items():
        frames = expected["to"][2]
        assert frames * state[name].double().sum() == pytest.approx(expected["sum"], abs=1e-4)
        assert same(frames * state[name].flatten()[:4], expected["first_4"])
    assert len(report.inflated) == case["number_loaded_reshaped"]
    kept = {"pos_embed_spatial", "pos_embed_class"}
    assert {*report.shapes, *report.neutral} == {*case["not_loaded"]} - kept
    assert torch.equal(state["pos_embed_spatial"], weights["pos_embed"][:, 1:])
    assert torch.equal(state["pos_embed_class"], weights["pos_embed"][:, :1])


@pytest.mark.parametrize(
    ("start", "entry", "words"),
    [
        ("Kinetics/MVIT_B_16x4_CONV", "pos_embed_temporal", "pos_embed_temporal 8 to 16"),
        (
            "masked_ssl/k400_MVITv2_S_16x4_MaskFeat_PT",
            "blocks.15.attn.rel_pos_h",
            "rel_pos_h, rel_pos_w 27 to 13",
        ),
    ],
)
def test_positions_of_published_networks_fit_other_networks(start, entry, words):
    case = next(case for case in MEASURED["real"] if case["from"] == start)
    expected = case["loaded_reshaped"][entry]
    shapes = {entry: expected["to"], "norm.weight": [768]}
    network = Bare(shapes)
    report = load_weights(network, drawn(shapes | {entry: expected["from"]}))
    value = network.state_dict()[entry]
    assert same(value.flatten()[:4], expected["first_4"])
    assert value.double().sum() == pytest.approx(expected["sum"], abs=1e-4)
    assert f"Positions were interpolated: {words}." in str(report)
