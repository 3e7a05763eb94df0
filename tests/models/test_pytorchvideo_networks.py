"""PTV networks: pytorchvideo builds the layers, and the keys of SlowFast describe them.

tests/models/test_reference.py compares them with the values of upstream.
"""

import copy
import importlib.util
import json

import pytest
import torch

from reference_parts.files import REFERENCE
from reference_parts.networks import clips, fill_by_name
from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_file
from slowfast.config import checks
from slowfast.models import build_model
from slowfast.models.layers.library import importing_library
from tests.models.network_cases import TINY, network_cfg

SIZE, DEEP = (1, 3, 4, 64, 64), {**TINY, "RESNET.DEPTH": 50}
MVIT = {
    "MVIT.DEPTH": 2,
    "MVIT.EMBED_DIM": 16,
    "MVIT.PATCH_PADDING": [1, 3, 3],
    "MVIT.DIM_MUL": [[1, 2.0]],
    "MVIT.HEAD_MUL": [[1, 2.0]],
    "MVIT.POOL_Q_STRIDE": [[1, 1, 2, 2]],
    "MVIT.POOL_KV_STRIDE_ADAPTIVE": [1, 4, 4],
    "MVIT.POOL_KVQ_KERNEL": [3, 3, 3],
    "MVIT.SEP_POS_EMBED": True,
}
X3D = {"RESNET.TRANS_FUNC": "x3d_transform", "X3D.BOTTLENECK_FACTOR": 2.25}
EACH = {
    "PTVResNet": {"MODEL.ARCH": "i3d"},
    "PTVSlowFast": {"MODEL.ARCH": "slowfast", "SLOWFAST.ALPHA": 2},
    "PTVX3D": {"MODEL.ARCH": "x3d", **X3D},
    "PTVCSN": {"MODEL.ARCH": "csn", "MODEL.SINGLE_PATHWAY_ARCH": ["csn"]},
    "PTVR2plus1D": {"MODEL.ARCH": "r2plus1d", "MODEL.SINGLE_PATHWAY_ARCH": ["r2plus1d"]},
    "PTVMViT": {"MODEL.ARCH": "mvit", **MVIT},
}
each_network = pytest.mark.parametrize("name", EACH)


def small(name, **more):
    """The configuration of a small network."""
    return network_cfg(DEEP, {"MODEL.MODEL_NAME": name, **EACH[name], **more})


def inputs_of(name, side=64):
    sizes = [(2, 3, 4, side, side)]
    return clips([(2, 3, 2, side, side), *sizes] if name == "PTVSlowFast" else sizes)


@each_network
def test_it_trains_and_scores(name):
    network, inputs = build_model(small(name)), inputs_of(name)
    given = list(inputs)
    logits = network(inputs)
    assert logits.shape == (2, 5)
    logits.logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    scores = copy.deepcopy(network).eval()(inputs)
    torch.testing.assert_close(scores.sum(1), torch.ones(2))  # softmax, once
    assert all(now is before for now, before in zip(inputs, given, strict=True))
    assert all(each.startswith("model.") for each in network.state_dict())


@each_network
def test_features_are_what_the_classifier_projects(name):
    network, inputs = build_model(small(name)).eval(), inputs_of(name)
    fill_by_name(network)
    with torch.inference_mode():
        vectors = network.vectors(inputs)
        scores = network.activate(network.projection(vectors))[:, 0]
        positions = network.vectors(inputs, each_position=True)
        torch.testing.assert_close(scores, network(inputs), rtol=1e-4, atol=1e-6)
    assert positions.shape[::2] == vectors.shape[::2]
    assert positions.shape[1] > 1


@pytest.mark.parametrize("name", [name for name in EACH if name != "PTVMViT"])
def test_a_larger_crop_is_scored_at_several_positions(name):
    network, inputs = build_model(small(name)).eval(), inputs_of(name, side=96)
    fill_by_name(network)
    with torch.inference_mode():
        (maps, *_) = network._maps(inputs)
        assert maps.shape[-2:] == (3, 3)
        assert not torch.allclose(
            network(inputs), network.activate(network.projection(network.vectors(inputs)))[:, 0]
        )


def test_a_transformer_refuses_another_crop_in_words():
    with pytest.raises(UserError, match=r"received clips of 4 x 96 x 96 .*only takes 4 x 64 x 64"):
        build_model(small("PTVMViT"))(inputs_of("PTVMViT", side=96))
    words = "\n".join(checks.problems(small("PTVMViT", **{"DATA.TEST_CROP_SIZE": 96})))
    assert "DATA.TEST_CROP_SIZE = 96: MODEL.MODEL_NAME PTVMViT only takes the crop of" in words


@each_network
def test_a_checkpoint_and_a_hub_file_load(name, tmp_path):
    source, network = build_model(small(name)), build_model(small(name))
    fill_by_name(source)
    state = source.state_dict()
    hub = {key.removeprefix("model."): value for key, value in state.items()}
    for file, content in (("own.pyth", state), ("hub.pyth", hub)):
        torch.save({"model_state": content}, tmp_path / file)
        report = load_file(tmp_path / file, network).report
        assert report.is_complete, str(report)
        assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
        network = build_model(small(name))


@each_network
def test_only_the_classifier_is_trained_on_request(name, tmp_path):
    network = build_model(small(name, **{"MODEL.DETACH_FINAL_FC": True}))
    trained = [each for each, p in network.named_parameters() if p.requires_grad]
    assert len(trained) == 2
    assert network.projection.weight.requires_grad
    other = build_model(small(name, **{"MODEL.NUM_CLASSES": 7}))
    torch.save({"model_state": other.state_dict()}, tmp_path / "seven.pyth")
    assert load_file(tmp_path / "seven.pyth", network).report.other_heads()


def test_a_wide_block_of_a_transformer_is_not_taken_for_the_classifier():
    wide = {"MVIT.DEPTH": 7, "MVIT.DIM_MUL": [[6, 2.0]], "MODEL.DETACH_FINAL_FC": True}
    network = build_model(small("PTVMViT", **wide))
    parameters = dict(network.named_parameters())
    assert not parameters["model.blocks.5.proj.weight"].requires_grad
    trained = {name for name, parameter in parameters.items() if parameter.requires_grad}
    assert trained == {"model.head.proj.weight", "model.head.proj.bias"}


def test_blocks_begin_as_their_shortcuts_on_request():
    network = build_model(small("PTVResNet", **{"RESNET.ZERO_INIT_FINAL_BN": True}))
    last = [p for n, p in network.named_parameters() if n.endswith("norm_c.weight")]
    assert len(last) == 16
    assert all(not weight.any() for weight in last)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("PTVResNet", {"RESNET.DEPTH": 18}, "RESNET.DEPTH = 18: pytorchvideo builds 50, 101, 152"),
        ("PTVResNet", {"RESNET.STRIDE_1X1": True}, "PTVResNet only takes False"),
        ("PTVResNet", {"NONLOCAL.LOCATION": [[[]], [[1]], [[]], [[]]]}, "take ResNet"),
        ("PTVX3D", {"X3D.SCALE_RES2": True}, "MODEL.MODEL_NAME PTVX3D only takes False"),
        ("PTVSlowFast", {"SLOWFAST.FUSION_KERNEL_SZ": 4}, "an even kernel"),
        ("PTVMViT", {"MVIT.REL_POS_SPATIAL": True}, "MODEL.MODEL_NAME PTVMViT only takes False"),
        ("PTVCSN", {"MODEL.ARCH": "slow"}, "takes csn, or MODEL.MODEL_NAME ResNet"),
    ],
)
def test_what_the_library_cannot_build_is_refused(name, settings, words):
    assert words in "\n".join(checks.problems(small(name, **settings)))


def test_a_missing_library_is_named_with_the_command(monkeypatch):
    found = importlib.util.find_spec

    def hidden(name, *rest):
        return None if name == "pytorchvideo" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    words = "\n".join(checks.problems(small("PTVResNet")))
    assert "MODEL.MODEL_NAME = PTVResNet: it is built by pytorchvideo" in words
    with pytest.raises(UserError, match="pip install pytorchvideo"), importing_library():
        import no_such_library  # noqa: F401


@pytest.mark.parametrize(
    ("recipe", "count"),
    [("SLOWFAST_16x8_R101_50_50", 53_774_808), ("X3D_L", 6_153_384)],
)
def test_a_published_file_builds_a_network_of_the_published_size(recipe, count):
    published = json.loads((REFERENCE / "zoo_configs.json").read_text())
    settings = published[f"Kinetics/pytorchvideo/{recipe}"] | {"NUM_GPUS": 0}
    with torch.device("meta"):
        network = build_model(network_cfg(settings))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_published_file_without_pooling_builds_c2d_without_pooling():
    published = json.loads((REFERENCE / "zoo_configs.json").read_text())
    settings = published["Kinetics/c2/C2D_NOPOOL_8x8_R50"] | {"NUM_GPUS": 0}
    small_sizes = {**TINY, "NONLOCAL.INSTANTIATION": "softmax", "MODEL.ARCH": "c2d"}
    cfg = network_cfg(settings, small_sizes)
    ours = build_model(cfg).eval()
    cfg.MODEL.MODEL_NAME, cfg.MODEL.ARCH = "ResNet", "c2d_nopool"
    same = build_model(cfg).eval()
    same.load_state_dict(ours.state_dict())
    (clip,) = clips([(1, 3, 4, 64, 64)])
    assert torch.equal(ours([clip]), same([clip]))
