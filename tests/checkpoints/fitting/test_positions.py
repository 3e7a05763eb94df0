"""Positions of vision transformers fit other crops, other numbers of frames, and other inputs."""

import json

import pytest
import torch

from reference_parts.checkpoints import Bare, drawn
from reference_parts.files import REFERENCE
from slowfast.checkpoints.fitting.positions import resized
from slowfast.checkpoints.loading import load_file
from slowfast.checkpoints.weights import load_weights

IMAGE = {"patch_embed.proj.weight": [4, 3, 2, 2], "pos_embed": [1, 10, 4]}
VIDEO = {
    "patch_embed.proj.weight": [4, 3, 2, 2, 2],
    "pos_embed_spatial": [1, 9, 4],
    "pos_embed_temporal": [1, 2, 4],
    "pos_embed_class": [1, 1, 4],
}
RELATIVE = {f"blocks.{n}.attn.rel_pos_{axis}": [5, 4] for n in range(2) for axis in "hw"}


def test_an_image_network_gives_a_video_network_its_positions():
    weights = drawn(IMAGE | RELATIVE)
    in_time = {"blocks.0.attn.rel_pos_t": [3, 4]}
    network = Bare(VIDEO | RELATIVE | in_time)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.5)
    report = load_weights(network, weights, inflate=True)
    state = network.state_dict()
    assert torch.equal(state["pos_embed_spatial"], weights["pos_embed"][:, 1:])
    assert torch.equal(state["pos_embed_class"], weights["pos_embed"][:, :1])
    assert not state["pos_embed_temporal"].any(), "a still clip gives what its image gives"
    assert not state["blocks.0.attn.rel_pos_t"].any()
    summed = state["patch_embed.proj.weight"].sum(dim=2)
    assert torch.allclose(summed, weights["patch_embed.proj.weight"])
    words = str(report)
    assert "1 2D kernels were spread over time" in words
    assert "pos_embed of the file went to pos_embed_spatial and pos_embed_class." in words
    assert "has no pos_embed_temporal; blocks.0.attn.rel_pos_t: values that change noth" in words
    assert not report.missing
    assert not report.unexpected


def test_without_a_key_the_log_says_which_one_starts_from_images():
    report = load_weights(Bare(VIDEO | RELATIVE), drawn(IMAGE | RELATIVE))
    assert "TRAIN.CHECKPOINT_INFLATE True spreads them over time, and converts" in str(report)


def test_a_video_network_gives_an_image_network_its_positions():
    weights, network = drawn(VIDEO), Bare(IMAGE)
    report = load_weights(network, weights, inflate=True)
    state = network.state_dict()
    expected = torch.cat([weights["pos_embed_class"], weights["pos_embed_spatial"]], dim=1)
    assert torch.equal(state["pos_embed"], expected)
    assert "1 3D kernels were summed over time" in str(report)
    assert "pos_embed_class and pos_embed_spatial of the file went to pos_embed." in str(report)
    assert report.unexpected == ["pos_embed_temporal"]


def test_the_position_of_a_single_frame_is_that_of_the_image():
    weights, network = drawn(VIDEO | {"pos_embed_temporal": [1, 1, 4]}), Bare(IMAGE)
    report = load_weights(network, weights, inflate=True)
    expected = weights["pos_embed_spatial"] + weights["pos_embed_temporal"]
    assert torch.equal(network.pos_embed[:, 1:], expected)
    assert not report.unexpected


def test_a_network_without_class_token_leaves_its_position_out():
    network = Bare({n: shape for n, shape in VIDEO.items() if n != "pos_embed_class"})
    report = load_weights(network, drawn(IMAGE), inflate=True)
    assert report.moved == [(["pos_embed"], ["pos_embed_spatial"])]


def test_positions_of_images_are_interpolated_around_the_class_token():
    weights = drawn(IMAGE)
    network = Bare(IMAGE | {"pos_embed": [1, 17, 4]})
    report = load_weights(network, weights)
    here = network.pos_embed
    assert torch.equal(here[:, :1], weights["pos_embed"][:, :1])
    alone = resized("pos_embed_spatial", weights["pos_embed"][:, 1:], [1, 16, 4], of_images=False)
    assert torch.equal(here[:, 1:], alone)
    assert "Positions were interpolated: pos_embed 3 x 3 to 4 x 4." in str(report)


def test_one_line_says_what_was_interpolated(tmp_path):
    """Another crop and number of frames: the file is not of this network, and its epoch stays."""
    longer = {name: [7, 4] for name in RELATIVE}
    torch.save({"model_state": drawn(VIDEO | RELATIVE), "epoch": 3}, tmp_path / "x.pyth")
    bigger = {"pos_embed_spatial": [1, 16, 4], "pos_embed_temporal": [1, 4, 4]}
    loaded = load_file(tmp_path / "x.pyth", Bare(VIDEO | longer | bigger))
    assert (
        "Positions were interpolated: pos_embed_spatial 3 x 3 to 4 x 4; pos_embed_temporal 2 to 4; "
        "rel_pos_h, rel_pos_w 5 to 7 (4 entries)."
    ) in str(loaded.report)
    assert loaded.epoch == -1
    assert loaded.found == ("pytorch", "positions interpolated")
    assert loaded.report.share_outside_head == 1.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_positions_of_other_types_are_interpolated(dtype):
    weights = {name: value.to(dtype) for name, value in drawn(VIDEO).items()}
    network = Bare(VIDEO | {"pos_embed_spatial": [1, 4, 4]})
    assert load_weights(network, weights).resized
    assert network.pos_embed_spatial.isfinite().all()


@pytest.mark.parametrize(
    ("name", "there", "here"),
    [
        ("pos_embed_spatial", [1, 6, 4], [1, 9, 4]),  # no square
        ("pos_embed_spatial", [1, 9, 8], [1, 4, 4]),  # other channels
        ("pos_embed", [1, 19, 4], [1, 33, 4]),  # frames and places cannot be told apart
        ("pos_embed", [1, 17, 4], [1, 9, 4]),  # a class token in the file alone
        ("norm.weight", [4], [8]),
    ],
)
def test_what_the_shape_does_not_tell_is_left(name, there, here):
    shapes = VIDEO | {name: here}
    network = Bare(shapes)
    report = load_weights(network, drawn(shapes | {name: there}))
    assert report.shapes == {name: (tuple(there), tuple(here))}
    assert not network.state_dict()[name].any()


def test_a_masked_autoencoder_gives_its_encoder(caplog, tmp_path):
    """A file of pre-training has a decoder, and fixed positions of its tokens."""
    encoder = VIDEO | {"blocks.0.norm1.weight": [4], "norm.weight": [4]}
    measured = json.loads((REFERENCE / "checkpoint_naming.json").read_text())["real"]
    pair = next(pair for pair in measured if pair["from"].endswith("_MAE_PT"))
    decoder = {name: [2] for part in ("first_20", "last_20") for name in pair["not_used"][part]}
    torch.save({"model_state": drawn(encoder | decoder)}, tmp_path / "x.pyth")
    head = {"head.projection.weight": [5, 4], "head.projection.bias": [5]}
    network = Bare(encoder | head)
    report = load_file(tmp_path / "x.pyth", network).report
    assert {*report.matched} == {*encoder}
    assert report.missing == [*head] == pair["not_loaded"]
    assert {*report.unexpected} == {*decoder}
    assert "not in the model: {decoder_pos_embed,mask_token}; pred_head." in caplog.text
