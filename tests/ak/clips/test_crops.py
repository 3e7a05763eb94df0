"""Scaling, cropping, mirroring: sizes and places equal upstream's, pixels within a grey level."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.sampling import (
    CentreCrop,
    Crop,
    RandomCrop,
    crop_corners,
    scale,
    scaled_size,
)
from slowfast.ak.clips.views import UniformCrops

REFERENCE = Path(__file__).parents[2] / "reference"
SPATIAL = json.loads((REFERENCE / "spatial_and_pathway.json").read_text())


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 4), dtype=np.uint8)


def written(crop: Crop, frame: np.ndarray) -> np.ndarray:
    """Returns the cropped frame (side, side, 3)."""
    planes = np.zeros((4, crop.side, crop.side), np.uint8)
    crop.write(frame, list(planes), crop.memory())
    return planes[:3].transpose(1, 2, 0)


@pytest.mark.parametrize("case", SPATIAL["short_side_scale"], ids=lambda c: str(c["in"]))
def test_scaled_sizes_equal_upstreams(case):
    assert scaled_size(*case["in"], case["short_side"]) == tuple(case["out"])


@pytest.mark.parametrize("case", SPATIAL["uniform_crop"], ids=str)
def test_crop_corners_equal_upstreams(case):
    corners = crop_corners(case["height"], case["width"], case["size"], count=3)
    assert corners[case["spatial_idx"]].tolist() == [case["y0"], case["x0"]]


def test_one_crop_is_the_centre_one():
    assert crop_corners(256, 455, 256, count=1).tolist() == [[0, 100]]
    assert crop_corners(455, 256, 256, count=1).tolist() == [[100, 0]]
    assert crop_corners(257, 455, 256, count=1).tolist() == [[1, 100]]


@pytest.mark.parametrize(
    "size", [(256, 455), (340, 604), (180, 320), (720, 1280), (361, 640), (7, 9)]
)
def test_scaling_is_bilinear_without_antialias(size):
    frame = picture(360, 640)
    planes = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    expected = F.interpolate(planes, size=size, mode="bilinear", align_corners=False)
    expected = expected[0].permute(1, 2, 0).numpy()
    assert np.abs(scale(frame, size) - expected).max() <= 1


def test_pixels_equal_upstreams():
    """Scaling, cropping and normalising give the reference values, to the rounding of uint8."""
    reference = json.loads((REFERENCE / "pixel_pipeline.json").read_text())["by_spatial_idx"]
    t, y, x = np.ogrid[0:4, 0:360, 0:640]
    channels = (
        127 + 120 * np.sin(x / 17 + t) + 0 * y,
        127 + 120 * np.cos(y / 23 - t) + 0 * x,
        x * 255 / 640 + t + 0 * y,
    )
    frames = np.clip(np.stack((*channels, channels[0]), axis=-1), 0, 255).astype(np.uint8)
    views = UniformCrops(256, 3)(iter(frames), np.arange(4)[None], np.random.default_rng(0))
    (clips,) = InputTransform([0.45] * 3, [0.225] * 3)(views.batch(0, 3))
    for index, expected in reference.items():
        clip = clips[int(index)]
        assert list(clip.shape) == expected["shape"]
        assert np.allclose(clip.mean((1, 2, 3)), expected["mean"], atol=0.01)
        assert np.allclose(clip.std((1, 2, 3)), expected["std"], atol=0.01)
        for place, value in expected["samples"].items():
            assert abs(clip[tuple(map(int, place.split(",")))] - value) < 0.02


def test_a_crop_equals_scaling_and_then_cutting():
    frame = picture(48, 64)
    expected = scale(frame, (36, 48))[3:35, 9:41, :3]
    assert (written(Crop((36, 48), y0=3, x0=9, side=32), frame) == expected).all()
    mirrored = written(Crop((36, 48), y0=3, x0=9, side=32, flip=True), frame)
    assert (mirrored == expected[:, ::-1]).all()


@pytest.mark.parametrize("shape", [(360, 640), (640, 360), (540, 960), (120, 160), (256, 256)])
def test_a_crop_that_is_cut_first_shows_the_same_part_within_a_pixel(shape):
    """Red is the row and green the column of the frame, so a pixel shows where it comes from."""
    rows, columns = np.meshgrid(*(np.arange(n) * 250 / max(shape) for n in shape), indexing="ij")
    frame = np.stack([rows, columns, rows, rows], axis=-1).round().astype(np.uint8)
    pixel = 250 / max(shape)
    rng = np.random.default_rng(0)
    draw = RandomCrop((256, 340), 256, inverse_uniform=True, flip=True).draw
    for crop in (draw(rng, *shape) for _ in range(20)):
        assert crop.cut_first
        exact = written(replace(crop, cut_first=False), frame).astype(float)
        cut = written(crop, frame)
        assert np.abs(cut - exact).max() <= pixel + 1.5  # 1.5 for the rounding of two pictures
        whole = scale(frame, crop.size).astype(float)
        assert cut.min() >= whole.min()
        assert cut.max() <= whole.max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 1), (2, 2)])
def test_frames_of_a_few_pixels_have_crops_too(shape):
    frame = np.full((*shape, 4), 9, np.uint8)
    draw = RandomCrop((36, 44), 32, flip=True).draw
    for seed in range(20):
        assert (written(draw(np.random.default_rng(seed), *shape), frame) == 9).all()


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (40, 40)])
def test_random_crops_stay_inside_and_reach_the_edges(shape):
    rng = np.random.default_rng(0)
    drawn = [RandomCrop((36, 44), side=32, flip=True).draw(rng, *shape) for _ in range(2000)]
    assert {min(crop.size) for crop in drawn} == set(range(36, 45))
    for crop in drawn:
        assert crop.size == scaled_size(*shape, min(crop.size))
        assert 0 <= crop.y0 <= crop.size[0] - 32
        assert 0 <= crop.x0 <= crop.size[1] - 32
    assert any(crop.y0 == crop.size[0] - 32 for crop in drawn)
    assert any(crop.x0 == crop.size[1] - 32 for crop in drawn)
    assert 0.45 < np.mean([crop.flip for crop in drawn]) < 0.55


def test_inverse_uniform_prefers_small_sizes():
    rng = np.random.default_rng(0)
    # The mean of 1 / u, with u uniform in 1/512..1/256, is 512 log 2.
    for inverse, mean in ((False, 384), (True, 512 * np.log(2))):
        draw = RandomCrop((256, 512), 224, inverse).draw
        sizes = [min(draw(rng, 360, 640).size) for _ in range(3000)]
        assert np.mean(sizes) == pytest.approx(mean, abs=5)


def test_a_clip_repeats_frames_without_decoding_them_again():
    frames = [picture(48, 64), picture(48, 65)[:, :64]]
    rows = np.array([[0, 0, 1, 1, 1]])
    (clip,) = CentreCrop(36, side=32)(iter(frames), rows, np.random.default_rng(0))
    assert clip.shape == (3, 5, 32, 32)
    assert clip.dtype == torch.uint8
    assert clip.is_contiguous()
    for t, row in enumerate(rows[0]):
        expected = scale(frames[row], (36, 48))[2:34, 8:40, :3]
        assert (clip[:, t].permute(1, 2, 0).numpy() == expected).all()


def test_frames_of_different_sizes_get_the_same_crop():
    frames = [picture(48, 64), picture(96, 128)]
    rows = np.array([[0, 1]])
    (clip,) = RandomCrop((36, 44), 32)(iter(frames), rows, np.random.default_rng(0))
    assert clip.shape == (3, 2, 32, 32)
