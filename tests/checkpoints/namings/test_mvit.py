"""MViT of torchvision and pytorchvideo: every entry has its place, and scores are equal."""

import json
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import video

from reference_parts.checkpoints import Bare
from reference_parts.files import REFERENCE, read
from reference_parts.networks import PLAIN, normal
from reference_parts.settings import configured
from slowfast.checkpoints.weights import load_weights
from slowfast.models import build_model
from tests.checkpoints.namings.naming_cases import filled, logits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorchvideo.models import hub, vision_transformers

V1, V2 = "Kinetics/MVIT_B_16x4_CONV", "Kinetics/MVITv2_S_16x4"
NORMAL_SIZE = (16, 224)


def published(config):
    """A bare network with the names and shapes of a published one."""
    path = REFERENCE / "models" / f"{config.replace('/', '__')}.json"
    return Bare(dict(json.loads(path.read_text())["state_dict"]))


@pytest.mark.parametrize(
    ("build", "config", "prefix", "title"),
    [
        (video.mvit_v1_b, V1, "", "torchvision names of MViT"),
        (video.mvit_v2_s, V2, "model.net.", "torchvision names of MViT"),
        (hub.mvit_base_16x4, V1, "model.", "pytorchvideo names of MViT"),
    ],
)
def test_every_entry_has_its_place(build, config, prefix, title):
    theirs = build().state_dict()
    ours = published(config)
    report = load_weights(ours, {prefix + entry: value for entry, value in theirs.items()})
    assert report.same_entries
    assert report.num_mapped == report.num_in_file == len(theirs)
    assert len(report.matched) == len(ours.state_dict())
    assert report.naming == title


def network(config, frames, crop):
    """The network of a published configuration, for clips of another size."""
    size = {"DATA.NUM_FRAMES": frames, "DATA.TRAIN_CROP_SIZE": crop, "DATA.TEST_CROP_SIZE": crop}
    settings = read(REFERENCE, "zoo_configs.json")[config] | PLAIN | size
    return build_model(configured(settings)).eval()


def resize(theirs, frames, crop):
    """Makes a network of torchvision take clips of another size."""
    places = theirs.pos_encoding
    places.temporal_size, places.spatial_size = frames // 2, (crop // 4, crop // 4)
    if places.spatial_pos is None:
        return
    grid = places.spatial_pos.detach().T.unflatten(1, (56, 56))[None]
    grid = F.interpolate(grid, size=places.spatial_size, mode="bicubic")
    places.spatial_pos = nn.Parameter(grid.flatten(2)[0].T)
    line = places.temporal_pos.detach().T[None]
    line = F.interpolate(line, size=places.temporal_size, mode="linear")
    places.temporal_pos = nn.Parameter(line[0].T)


def agree(ours, theirs, frames, crop):
    clip = normal(0, (1, 3, frames, crop, crop))
    with torch.inference_mode():
        expected = theirs(clip[:, :, 0] if frames == 1 else clip)
    difference = (logits(ours, [clip]) - expected).abs().max()
    return bool(difference <= 1e-4 * expected.abs().max())


@pytest.mark.parametrize(
    "size", [(8, 64), pytest.param(NORMAL_SIZE, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize(("build", "config"), [(video.mvit_v1_b, V1), (video.mvit_v2_s, V2)])
def test_scores_are_those_of_torchvision(build, config, size):
    theirs, ours = filled(build()), network(config, *size)
    report = load_weights(ours, theirs.state_dict())
    assert bool(report.resized) is (size != NORMAL_SIZE)
    if size != NORMAL_SIZE:
        resize(theirs, *size)
    assert agree(ours, theirs, *size)


LAYOUT = {
    "embed_dim_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
    "atten_head_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]],
}
VIDEOS = {"pool_kvq_kernel": [3, 3, 3], "pool_kv_stride_adaptive": [1, 8, 8]}
IMAGES = {
    "use_2d_patch": True,
    "conv_patch_embed_kernel": [7, 7],
    "conv_patch_embed_stride": [4, 4],
    "conv_patch_embed_padding": [3, 3],
    "pool_kvq_kernel": [1, 3, 3],
    "pool_kv_stride_adaptive": [1, 4, 4],
}


@pytest.mark.parametrize(
    ("config", "frames", "more"),
    [(V1, 8, VIDEOS), ("ImageNet/MVIT_B_16_CONV", 1, IMAGES)],
    ids=["videos", "images"],
)
def test_scores_are_those_of_pytorchvideo(config, frames, more):
    """But for the epsilon of the norms of queries, keys and values, of which the report speaks."""
    build = vision_transformers.create_multiscale_vision_transformers
    size = {"spatial_size": 64, "temporal_size": frames}
    ours = network(config, frames, 64)
    theirs = build(**LAYOUT, **more, **size, head_num_classes=ours.head.projection.out_features)
    for name, module in theirs.named_modules():
        if ".attn.norm_" in name:
            assert module.eps == 1e-5
            module.eps = 1e-6
    report = load_weights(ours, filled(theirs).state_dict())
    assert report.same_entries
    assert "add 1e-5 to the variance in pytorchvideo" in str(report)
    assert agree(ours, theirs, frames, 64)
