"""Functions for data sets written for upstream give upstream's results."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.datasets import utils

REFERENCE = Path(__file__).parents[1] / "reference"


def test_pixels_equal_upstreams():
    reference = json.loads((REFERENCE / "pixel_pipeline.json").read_text())["by_spatial_idx"]
    t, y, x = np.ogrid[0:4, 0:360, 0:640]
    channels = [127 + 120 * np.sin(x / 17 + t), 127 + 120 * np.cos(y / 23 - t), x * 255 / 640 + t]
    channels = [channel + 0 * (t + x + y) for channel in channels]
    frames = torch.from_numpy(np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8))
    frames = utils.tensor_normalize(frames, [0.45] * 3, [0.225] * 3).permute(3, 0, 1, 2)
    for index, expected in reference.items():
        clip = utils.spatial_sampling(frames, int(index), 256, 256, 256)
        assert list(clip.shape) == expected["shape"]
        assert torch.allclose(clip.mean((1, 2, 3)), torch.tensor(expected["mean"]), atol=1e-5)
        for place, value in expected["samples"].items():
            assert clip[tuple(map(int, place.split(",")))] == pytest.approx(value, abs=1e-4)


def test_normalisation_of_floats_and_bytes():
    half = torch.full((2, 3), 0.5, dtype=torch.float64)
    assert utils.tensor_normalize(half, 0.25, 0.5).tolist() == [[0.5] * 3] * 2
    doubled = utils.tensor_normalize(half, [0, 0.5, 1], [1, 1, 0.5], func=lambda x: 2 * x)
    assert doubled.tolist() == [[1, 0.5, 0]] * 2
    assert utils.tensor_normalize(torch.tensor([[255]], dtype=torch.uint8), 0, 1).item() == 1


def test_random_spatial_sampling_follows_numpys_seed():
    frames = torch.rand(3, 2, 48, 64)
    drawn = []
    for seed in (0, 0, 1):
        np.random.seed(seed)  # noqa: NPY002
        drawn.append(utils.spatial_sampling(frames, -1, 36, 44, 32))
    assert drawn[0].shape == (3, 2, 32, 32)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_pathways():
    cfg = get_cfg()
    frames = torch.arange(24.0).view(3, 8, 1, 1)
    cfg.MODEL.ARCH, cfg.DATA.REVERSE_INPUT_CHANNEL = "i3d", False
    (only,) = utils.pack_pathway_output(cfg, frames)
    assert torch.equal(only, frames)
    cfg.MODEL.ARCH, cfg.SLOWFAST.ALPHA, cfg.DATA.REVERSE_INPUT_CHANNEL = "slowfast", 4, True
    slow, fast = utils.pack_pathway_output(cfg, frames)
    assert fast[:, 0].flatten().tolist() == [16, 8, 0]
    assert slow[0].flatten().tolist() == [16, 23]


def test_labels():
    assert utils.aggregate_labels([[2, 0], [], [2, 5]]) == [0, 2, 5]
    assert utils.as_binary_vector([0, 2], 4).tolist() == [1, 0, 1, 0]


def test_a_light_list_has_no_images(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("video_id;labels\na;0\n")
    with pytest.raises(UserError, match=r"train\.csv: a light list"):
        utils.load_image_lists(str(path))
