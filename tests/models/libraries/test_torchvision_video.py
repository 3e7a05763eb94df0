"""TorchvisionVideo: networks of torchvision compute and load here as they do there."""

from urllib.error import URLError

import pytest
import torch
from torchvision.models import get_model
from torchvision.models.video import R3D_18_Weights

from reference_parts.networks import fill_by_name, normal
from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_file
from slowfast.checkpoints.namings.torchvision_video import TorchvisionVideo
from slowfast.config.checks import problems
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from slowfast.models import build_model
from slowfast.models.libraries.torchvision_video import ARCHITECTURES
from slowfast.models.optimizer import parameter_groups
from tests.engine.runs import last_state, log
from tests.models.network_cases import network_cfg

NAME = "TorchvisionVideo"
AK = {"TRAIN.DATASET": "ak", "TEST.DATASET": "ak"}
SIZES = {"s3d": (14, 224), "mvit_v1_b": (16, 224), "mvit_v2_s": (16, 224)}
SMALL = ("r3d_18", "r2plus1d_18", "swin3d_t")
CASES = [*SMALL, *(pytest.param(each, marks=pytest.mark.slow) for each in SIZES)]


def configured(arch, *more, **settings):
    """The configuration of a network, in which nothing else is set."""
    settings = {f"DATA.{key}": value for key, value in settings.items()}
    return network_cfg({"MODEL.MODEL_NAME": NAME, "MODEL.ARCH": arch}, settings, *more)


def network_of(arch, classes=400):
    """A network with its input sizes, in evaluation, with sigmoid."""
    cfg = configured(arch, {"MODEL.NUM_CLASSES": classes, "MODEL.HEAD_ACT": "sigmoid"})
    assert_and_infer_cfg(cfg)
    return build_model(cfg).eval()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_each_entry_of_torchvision_has_its_place(arch):
    with torch.device("meta"):
        theirs, ours = get_model(arch).state_dict(), network_of(arch).state_dict()
    naming = TorchvisionVideo()
    shapes = {
        here: naming.convert(here, theirs[there], theirs).shape
        for there, here in naming.rename(theirs).items()
    }
    assert shapes == {name: value.shape for name, value in ours.items()}


@pytest.mark.parametrize("arch", CASES)
def test_a_published_file_gives_the_scores_of_torchvision(arch, tmp_path):
    theirs, ours = get_model(arch).eval(), network_of(arch)
    fill_by_name(theirs)
    torch.save(theirs.state_dict(), tmp_path / "published.pth")
    report = load_file(tmp_path / "published.pth", ours).report
    assert report.same_entries
    assert not report.unexpected
    frames, side = SIZES.get(arch, (4, 48))
    clip = normal(0, (1, 3, frames, side, side))
    with torch.inference_mode():
        expected = theirs(clip)
        assert expected.std() > 0.1  # the clip matters
        torch.testing.assert_close(ours([clip]), expected.sigmoid(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arch", SMALL)
def test_features_are_what_the_classifier_gets(arch):
    network, clip = network_of(arch), normal(0, (1, 3, 4, 48, 48))
    with torch.inference_mode():
        vectors = network.vectors([clip])
        scores = network.head.projection(vectors)[:, 0].sigmoid()
        torch.testing.assert_close(network([clip]), scores, rtol=1e-5, atol=1e-6)
        positions = network.vectors([clip], each_position=True)
    assert positions.shape[1] > 1
    torch.testing.assert_close(positions.mean(1), vectors[:, 0], rtol=1e-4, atol=1e-5)


def test_positions_of_mvit_are_its_last_tokens_without_the_class_token():
    network = network_of("mvit_v2_s")
    norm = network.model.norm
    network.model.forward = lambda clip: norm(clip)[:, 0]
    tokens = torch.randn(1, 5, 768)
    with torch.no_grad():
        torch.testing.assert_close(network.positions(tokens), norm(tokens)[:, 1:])


@pytest.mark.parametrize(("arch", "depth"), {"r3d_18": 4, "s3d": 11, "swin3d_t": 15}.items())
def test_layers_are_ordered_from_the_input_to_the_head(arch, depth):
    network = network_of(arch, classes=5)
    names = [name for name, _ in network.named_parameters()]
    layers = [network.layer_of(name) for name in names]
    assert layers == sorted(layers)
    assert set(layers) == {*range(network.depth + 2)}
    assert network.layer_of("head.projection.weight") == network.depth + 1
    assert network.depth == depth  # swin3d_t: 12 blocks and 3 merging layers
    groups = parameter_groups(network, 0.1, 0.0, layer_decay=0.5)
    assert {group["layer_decay"] for group in groups} == {0.5**n for n in range(network.depth + 2)}


def test_keys_that_nobody_set_are_those_of_the_weights():
    cfg = assert_and_infer_cfg(configured("swin3d_t", AK, {"DATA.NUM_FRAMES": 8}))
    assert cfg.DATA.NUM_FRAMES == 8  # it was set
    assert (cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.TEST_CROP_SIZE) == (224, 224)
    assert cfg.DATA.MEAN == [0.485, 0.456, 0.406]
    assert cfg.DATA.STD == [0.229, 0.224, 0.225]
    assert cfg.DATA.REVERSE_INPUT_CHANNEL
    cfg.MODEL.ARCH = "r3d_18"  # another network: what was set for the first one is not kept
    assert_and_infer_cfg(cfg)
    assert cfg.DATA.TRAIN_CROP_SIZE == 112
    assert cfg.DATA.TRAIN_JITTER_SCALES == [128, 160]
    assert cfg.DATA.MEAN == [0.43216, 0.394666, 0.37645]


@pytest.mark.parametrize(
    ("arch", "settings", "words"),
    [
        ("mvit_v2_s", {"DATA.NUM_FRAMES": 8}, "only takes 16; for other sizes take .* MViT"),
        ("s3d", {"DATA.TEST_CROP_SIZE": 112}, "takes 224 and more"),
        ("r3d_18", {"BN.NORM_TYPE": "sub_batchnorm"}, "only takes batchnorm"),
        ("swin3d_t", {"MODEL.PRETRAINED": "KINETICS400"}, "mean KINETICS400_V1"),
        (
            "swin3d_t",
            {"MODEL.PRETRAINED": "KINETICS400_V1", "DATA.MEAN": [0.45, 0.45, 0.45]},
            r"take \[0.485, 0.456, 0.406\]",
        ),
        (
            "swin3d_t",
            {"MODEL.PRETRAINED": "KINETICS400_V1", "DATA.REVERSE_INPUT_CHANNEL": False},
            "take RGB",
        ),
        ("swin3d", {}, "MODEL.ARCH.*swin3d_t"),
    ],
)
def test_settings_that_the_network_does_not_take_are_refused(arch, settings, words):
    cfg = configured(arch, AK, settings)
    with pytest.raises(UserError, match=words):
        assert_and_infer_cfg(cfg)


def test_the_pixels_of_random_weights_are_free():
    assert problems(configured("swin3d_t", {"DATA.MEAN": [0.5, 0.5, 0.5]})) == []


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch, tiny_ak, tmp_path):
    def fails(*_args, **_kwargs):
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fails)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fails)
    cfg = run_cfg(tiny_ak, tmp_path)
    with pytest.raises(UserError, match=r"r3d_18-b3b3357e\.pth could not be downloaded"):
        train(cfg)


def run_cfg(tiny_ak, tmp_path):
    """A short run from published weights, on small clips."""
    cfg = configured("r3d_18")
    run = {"OUTPUT_DIR": str(tmp_path / "run"), "SOLVER.MAX_EPOCH": 1, "TRAIN.BATCH_SIZE": 4}
    sizes = {"DATA.NUM_FRAMES": 2, "DATA.TRAIN_CROP_SIZE": 32, "DATA.TEST_CROP_SIZE": 32}
    scales = {"DATA.TRAIN_JITTER_SCALES": [32, 40], "MODEL.PRETRAINED": "KINETICS400_V1"}
    name = {"MODEL.MODEL_NAME": NAME, "MODEL.ARCH": "r3d_18", "MODEL.DETACH_FINAL_FC": True}
    cfg.merge_from_list(tiny_ak.opts())
    settings = {**run, **sizes, **scales, **name}
    cfg.merge_from_list([part for pair in settings.items() for part in pair])
    return assert_and_infer_cfg(cfg)


def test_training_starts_from_the_weights_of_a_name(monkeypatch, tiny_ak, tmp_path):
    published = get_model("r3d_18").state_dict()
    monkeypatch.setattr(R3D_18_Weights, "get_state_dict", lambda *_args, **_kwargs: published)
    cfg = run_cfg(tiny_ak, tmp_path)
    train(cfg)
    run_test(cfg)
    assert "weights from R3D_18_Weights.KINETICS400_V1 of torchvision" in log(cfg)
    set_here = (
        "Set for this network, because the configuration does not: DATA.REVERSE_INPUT_CHANNEL"
    )
    assert f"{set_here} True, DATA.MEAN [0.43216, 0.394666, 0.37645], DATA.STD" in log(cfg)
    state = last_state(cfg)
    trained, kernel = state["model_state"], "layer3.0.conv1.0.weight"
    torch.testing.assert_close(trained[f"model.{kernel}"], published[kernel], rtol=0, atol=0)
    assert trained["head.projection.weight"].shape == (5, 512)
    assert "MEAN:\n  - 0.43216" in state["cfg"]
