"""TransformersVideo: networks of transformers compute and load here as they do there."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch

from reference_parts.networks import fill_by_name, normal
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from slowfast.models import build_model
from slowfast.models.libraries import transformers_video
from slowfast.models.optimizer import construct_optimizer
from slowfast.prediction.export import PLAIN, export_model
from slowfast.prediction.model import open_model
from tests.engine.runs import last_state, log
from tests.models.network_cases import network_cfg

transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 32, "num_attention_heads": 2, "num_labels": 6}
LAYERS = {**SMALL, "num_hidden_layers": 2, "intermediate_size": 64}
SIZE = {"image_size": 32, "num_frames": 4}
PREDICTOR = {"pred_hidden_size": 32, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
CONFIGS = {
    "videomae": lambda: transformers.VideoMAEConfig(**SIZE, **LAYERS),
    "vjepa2": lambda: transformers.VJEPA2Config(
        crop_size=32,
        frames_per_clip=4,
        num_hidden_layers=2,
        num_pooler_layers=1,
        **SMALL,
        **PREDICTOR,
    ),
    "timesformer": lambda: transformers.TimesformerConfig(**SIZE, **LAYERS),
    "vivit": lambda: transformers.VivitConfig(**SIZE, **LAYERS),
    "videoprism_vision_model": lambda: transformers.VideoPrismVisionConfig(
        image_size=36,
        num_frames=4,
        num_spatial_layers=2,
        num_temporal_layers=1,
        intermediate_size=64,
        **SMALL,
    ),
}
each_family = pytest.mark.parametrize("arch", CONFIGS)
PIXELS = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
AK = {"TRAIN.DATASET": "ak", "TEST.DATASET": "ak"}


def library_network(arch, **changes):
    """A small network of the library with fixed weights, in evaluation."""
    config = CONFIGS[arch]()
    for name, value in changes.items():
        setattr(config, name, value)
    network = transformers.AutoModelForVideoClassification.from_config(config).eval()
    fill_by_name(network)
    return network


@pytest.fixture
def folder(tmp_path):
    """A function that writes a network, as the library does, and gives the folder and it."""

    def write(arch):
        network, path = library_network(arch), tmp_path / arch
        network.save_pretrained(path)
        (path / "preprocessor_config.json").write_text(json.dumps(PIXELS))
        return path, network

    return write


def configured(path, *more):
    name = {"MODEL.MODEL_NAME": "TransformersVideo", "MODEL.PRETRAINED": str(path)}
    head = {"MODEL.NUM_CLASSES": 6, "MODEL.HEAD_ACT": "sigmoid", "DATA.MULTI_LABEL": True}
    return network_cfg(AK, name, head, {"MODEL.LOSS_FUNC": "bce_logit"}, *more)


def scored(path, tmp_path, *more):
    """The configuration of a test without checkpoint, and the network with its weights."""
    run = {"TRAIN.ENABLE": False, "TEST.ENABLE": True, "OUTPUT_DIR": str(tmp_path / "run")}
    cfg = assert_and_infer_cfg(configured(path, run, *more))
    network = build_model(cfg)
    load_test_checkpoint(cfg, network)
    return cfg, network.eval()


@each_family
def test_a_folder_gives_the_scores_of_transformers(arch, folder, tmp_path):
    path, theirs = folder(arch)
    cfg, ours = scored(path, tmp_path)
    assert (arch, 4) == (cfg.MODEL.ARCH, cfg.DATA.NUM_FRAMES)
    clip = normal(0, (2, 3, 4, *[cfg.DATA.TEST_CROP_SIZE] * 2))
    with torch.inference_mode():
        expected = theirs(clip.transpose(1, 2)).logits.reshape(2, 6)
        assert (expected[0] - expected[1]).abs().max() > 0.01  # the clip matters
        torch.testing.assert_close(ours([clip]), expected.sigmoid(), rtol=1e-5, atol=1e-6)
        logits = ours.head.projection(ours.vectors([clip]))[:, 0]
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


@each_family
def test_each_parameter_learns_and_has_a_layer(arch, folder):
    path, _ = folder(arch)
    cfg = assert_and_infer_cfg(configured(path))
    network = build_model(cfg)
    clip = normal(0, (2, 3, 4, *[cfg.DATA.TEST_CROP_SIZE] * 2))
    network([clip]).square().sum().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []
    layers = {network.layer_of(name) for name, _ in network.named_parameters()}
    assert layers == {*range(network.depth + 2)}
    assert network.depth == (3 if arch == "videoprism_vision_model" else 2)


def test_positions_come_in_the_order_time_height_width(folder, tmp_path):
    """TimeSformer orders its tokens by position first: 1 + position x T + time."""
    path, theirs = folder("timesformer")
    _, ours = scored(path, tmp_path)
    clip = normal(0, (1, 3, 4, 32, 32))
    with torch.inference_mode():
        tokens = theirs.timesformer(clip.transpose(1, 2)).last_hidden_state
        found = ours.vectors([clip], each_position=True)
    order = [1 + place * 4 + time for time in range(4) for place in range(4)]
    torch.testing.assert_close(found, tokens[:, order], rtol=1e-5, atol=1e-6)


def test_v_jepa_2_takes_other_sizes_with_the_positions_of_these(folder, tmp_path):
    path, _ = folder("vjepa2")
    _, ours = scored(path, tmp_path, {"DATA.NUM_FRAMES": 6, "DATA.TEST_CROP_SIZE": 48})
    theirs = library_network("vjepa2", crop_size=48, frames_per_clip=6)
    clip = normal(0, (1, 3, 6, 48, 48))
    with torch.inference_mode():
        expected = theirs(clip.transpose(1, 2)).logits.sigmoid()
        torch.testing.assert_close(ours([clip]), expected, rtol=1e-5, atol=1e-6)
        with pytest.raises(UserError, match="only takes 6 x 48 x 48"):
            ours([clip[..., :32, :32]])


def test_recomputation_gives_the_same_gradients(folder):
    path, _ = folder("videomae")
    plain = build_model(assert_and_infer_cfg(configured(path, {"MODEL.DROPOUT_RATE": 0.0})))
    settings = {"MODEL.DROPOUT_RATE": 0.0, "MODEL.ACT_CHECKPOINT": True}
    again = build_model(assert_and_infer_cfg(configured(path, settings)))
    again.load_state_dict(plain.state_dict())
    for network in (plain, again):
        network([normal(0, (2, 3, 4, 32, 32))]).square().sum().backward()
    for one, other in zip(plain.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(
    ("arch", "processor"),
    [
        ("vivit", "VivitImageProcessor"),
        ("videomae", "VideoMAEImageProcessor"),
        ("vjepa2", "VJEPA2VideoProcessor"),
    ],
)
def test_pixels_are_those_of_the_processor(arch, processor, folder):
    path, _ = folder(arch)
    theirs = getattr(transformers, processor)(do_resize=False, do_center_crop=False)
    (path / "preprocessor_config.json").unlink()
    theirs.save_pretrained(path)
    cfg = assert_and_infer_cfg(configured(path))
    clip = torch.randint(256, (1, 3, 4, 32, 32), dtype=torch.uint8)
    frames = clip[0].transpose(0, 1)
    if "Video" in processor.removeprefix("VideoMAE"):
        expected = theirs(frames, return_tensors="pt")["pixel_values_videos"]
    else:
        expected = theirs([frame.numpy() for frame in frames], return_tensors="pt")["pixel_values"]
    (found,) = InputTransform.from_cfg(cfg)(clip)
    torch.testing.assert_close(found.transpose(1, 2), expected.float(), rtol=1e-5, atol=1e-5)


def test_an_encoder_without_head_starts_with_a_new_one(folder, tmp_path):
    path, theirs = folder("videomae")
    theirs.videomae.save_pretrained(path)
    cfg = assert_and_infer_cfg(configured(path, {"OUTPUT_DIR": str(tmp_path / "run")}))
    network = build_model(cfg)
    head = copy.deepcopy(network.head.state_dict())
    start = load_train_checkpoint(cfg, network, construct_optimizer(network, cfg))
    assert start.initialisation == f"from {path} (transformers, videomae)"
    assert all(torch.equal(value, head[name]) for name, value in network.head.state_dict().items())
    name = "videomae.embeddings.patch_embeddings.projection.weight"
    assert torch.equal(network.state_dict()[f"model.{name}"], theirs.state_dict()[name])


def test_a_checkpoint_needs_neither_folder_nor_hub(folder, tiny_ak, tmp_path):
    path, theirs = folder("videomae")
    cfg = configured(path)
    cfg.merge_from_list(tiny_ak.opts())
    run = {"OUTPUT_DIR": str(tmp_path / "run"), "SOLVER.MAX_EPOCH": 1, "SOLVER.BASE_LR": 0.0}
    run |= {"DATA.TEST_CROP_SIZE": 32, "TEST.NUM_SPATIAL_CROPS": 1}
    cfg.merge_from_list([part for pair in run.items() for part in pair])
    train(assert_and_infer_cfg(cfg))
    assert f"weights from {path} (transformers, videomae)" in log(cfg)
    name = "videomae.encoder.layer.1.output.dense.weight"
    state = last_state(cfg)
    assert torch.equal(state["model_state"][f"model.{name}"], theirs.state_dict()[name])
    shutil.rmtree(path)
    transformers_video.described.cache_clear()
    run_test(assert_and_infer_cfg(cfg))
    file = next(Path(cfg.OUTPUT_DIR, "checkpoints").glob("checkpoint_*.pyth"))
    model = open_model(str(file), None, PLAIN, tmp_path / "predictions")
    assert PIXELS["image_mean"] == model.cfg.DATA.MEAN
    exported = export_model(model, tmp_path / "network.pt2")
    assert exported.difference < 1e-5


@pytest.mark.parametrize(
    ("arch", "settings", "words"),
    [
        ("vivit", {"DATA.NUM_FRAMES": 8}, "vivit only takes 4"),
        ("timesformer", {"DATA.TEST_CROP_SIZE": 48}, "timesformer only takes 32"),
        ("vjepa2", {"DATA.NUM_FRAMES": 5}, "multiples of 2"),
        ("vjepa2", {"DATA.TEST_CROP_SIZE": 48}, "takes one size"),
        ("videomae", {"DATA.MEAN": [0.5, 0.5, 0.5]}, r"take \[0.485, 0.456, 0.406\]"),
        ("videomae", {"MODEL.ARCH": "vivit"}, "is videomae; set this"),
        ("videomae", {"TRANSFORMERSVIDEO.CONFIG": "{}"}, "config.yaml; leave the key out"),
    ],
)
def test_settings_that_the_weights_do_not_take_are_refused(arch, settings, words, folder):
    path, _ = folder(arch)
    with pytest.raises(UserError, match=words):
        assert_and_infer_cfg(configured(path, settings))


def of_another_task(path):
    (path / "config.json").write_text('{"model_type": "bert"}')


def of_no_network(path):
    (path / "config.json").unlink()


def of_damaged_settings(path):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"hidden_size": "wide"}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_another_task, "is of the kind 'bert'; expected a video network: videomae, vjepa2"),
        (of_no_network, "has no config.json"),
        (of_damaged_settings, "does not take its config.json.*hidden_size"),
        (shutil.rmtree, "there is no folder"),
    ],
)
def test_folders_that_hold_no_video_network_are_named(change, words, folder):
    path, _ = folder("videomae")
    change(path)
    with pytest.raises(UserError, match=f"MODEL.PRETRAINED.*{words}"):
        assert_and_infer_cfg(configured(path))


def pickled(path, network):
    torch.save(network.state_dict(), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()


def of_fewer_layers(path, network):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


def of_another_width(path, network):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pickled, r"expected model.safetensors, found only pytorch_model.bin"),
        (of_fewer_layers, r"lack 15 entries of the network.*encoder\.layer\.2"),
        (of_another_width, r"weights could not be read"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, words, folder, tmp_path):
    path, network = folder("videomae")
    change(path, network)
    with pytest.raises(UserError, match=words):
        scored(path, tmp_path)


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="someone/network is no folder here, and the hub did not"):
        assert_and_infer_cfg(configured("someone/network"))


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(transformers_video, "is_installed", lambda: False)
    with pytest.raises(UserError, match=r"pip install 'transformers>=5\.24,<6'"):
        assert_and_infer_cfg(configured("someone/network"))
