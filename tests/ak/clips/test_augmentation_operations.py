"""Operations give the results of Pillow or of their formula, with the clip as one picture."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.nn import functional as F
from torchvision.transforms.functional import adjust_hue

from slowfast.ak.clips import augmentation_operations as ops


def clip(seed=0, frames=4, height=24, width=20) -> np.ndarray:
    """Returns a smooth uint8 clip (3, T, H, W) whose channels have different ranges."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((3, frames, height // 4 + 1, width // 4 + 1))
    fine = F.interpolate(torch.from_numpy(coarse), (height, width), mode="bicubic").numpy()
    low, high = np.array([10, 40, 0]), np.array([240, 200, 130])
    fine = low[:, None, None, None] + fine * (high - low)[:, None, None, None]
    return np.clip(fine, 0, 255).astype(np.uint8)


def as_picture(frames: np.ndarray) -> Image.Image:
    """Returns all frames of a clip in one picture, one above the other."""
    return Image.fromarray(np.moveaxis(frames, 0, -1).reshape(-1, frames.shape[-1], 3))


def as_clip(picture: Image.Image, shape) -> np.ndarray:
    return np.moveaxis(np.asarray(picture).reshape(*shape[1:], 3), -1, 0)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


TONES = [
    *((ops.brightness, f, lambda p, f: ImageEnhance.Brightness(p).enhance(f)) for f in (0.3, 1.8)),
    *((ops.contrast, f, lambda p, f: ImageEnhance.Contrast(p).enhance(f)) for f in (0.3, 1.8)),
    *((ops.saturation, f, lambda p, f: ImageEnhance.Color(p).enhance(f)) for f in (0, 0.3, 1.8)),
    (ops.auto_contrast, None, lambda p, _: ImageOps.autocontrast(p)),
    (ops.equalize, None, lambda p, _: ImageOps.equalize(p)),
    (ops.invert, None, lambda p, _: ImageOps.invert(p)),
    *((ops.posterize, bits, ImageOps.posterize) for bits in (4, 7, 8)),
    *((ops.solarize, threshold, ImageOps.solarize) for threshold in (0, 100, 256)),
]


@pytest.mark.parametrize(("operation", "argument", "reference"), TONES)
def test_tones_equal_pillows(operation, argument, reference):
    source = clip()
    expected = as_clip(reference(as_picture(source), argument), source.shape)
    result = operation(source.copy(), *([] if argument is None else [argument]))
    assert result.dtype == np.uint8
    assert difference(result, expected) <= 1
    assert result.flags.c_contiguous


@pytest.mark.parametrize("shift", [-0.1, 0.25, 0.5])
def test_hues_equal_torchvisions(shift):
    source = clip()
    expected = adjust_hue(torch.from_numpy(source).transpose(0, 1), shift).transpose(0, 1).numpy()
    result = ops.hue(source.copy(), shift)
    # The hue has 256 steps, and between two colours of the six pixels change by 255: 6 a step.
    assert difference(result, expected) <= 6
    assert np.abs(result - expected.astype(float)).mean() < 1


@pytest.mark.parametrize("factor", [0.2, 1.9])
def test_sharpness_equals_pillows_inside_the_picture(factor):
    source = clip()
    result = ops.sharpness(source.copy(), factor)
    for t in range(source.shape[1]):
        frame = source[:, t : t + 1]
        expected = as_clip(ImageEnhance.Sharpness(as_picture(frame)).enhance(factor), frame.shape)
        inside = (slice(None), 0, slice(1, -1), slice(1, -1))
        assert difference(result[:, t : t + 1][inside], expected[inside]) <= 1


def test_solarize_add():
    source = clip()
    expected = np.where(source < 128, np.minimum(source.astype(int) + 50, 255), source)
    assert difference(ops.solarize_add(source.copy(), 50), expected) == 0


@pytest.mark.parametrize("operation", [ops.auto_contrast, ops.equalize])
def test_a_clip_with_one_tone_is_not_changed(operation):
    flat = np.full((3, 2, 8, 8), 77, np.uint8)
    assert (operation(flat.copy()) == flat).all()


@pytest.mark.parametrize("operation", [ops.auto_contrast, ops.equalize])
def test_all_frames_have_the_same_table(operation):
    """A tone has the same result in a dark and in a bright frame, so the clip does not flicker."""
    source = clip()
    source[:, 0] //= 2
    result = operation(source.copy())
    for before, after in zip(source, result, strict=True):
        for tone in np.unique(before):
            assert len(np.unique(after[before == tone])) == 1


WARPS = [
    (ops.rotation(25), (0, 0)),
    (ops.shear(x=0.3), (0, 0)),
    (ops.shear(y=-0.2), (0, 0)),
    (np.eye(2), (4, -3)),
    (ops.rotation(-10), (2.5, 0.5)),
]


@pytest.mark.parametrize(("matrix", "shift"), WARPS)
def test_warps_equal_grid_sample(matrix, shift):
    source = clip(frames=2)
    height, width = source.shape[-2:]
    y, x = np.mgrid[0:height, 0:width].astype(float)
    centre = (width - 1) / 2, (height - 1) / 2
    x_in = matrix[0, 0] * (x - centre[0]) + matrix[0, 1] * (y - centre[1]) + centre[0] + shift[0]
    y_in = matrix[1, 0] * (x - centre[0]) + matrix[1, 1] * (y - centre[1]) + centre[1] + shift[1]
    # Only pixels with all neighbours inside: at the edge, both mix in colours from outside.
    inside = (x_in > 0) & (x_in < width - 1) & (y_in > 0) & (y_in < height - 1)
    outside = (x_in < -1) | (x_in > width) | (y_in < -1) | (y_in > height)
    grid = np.stack([2 * x_in / (width - 1) - 1, 2 * y_in / (height - 1) - 1], -1)
    expected = F.grid_sample(
        torch.from_numpy(source).double().flatten(0, 1)[None],
        torch.from_numpy(grid)[None],
        align_corners=True,
    )[0].reshape(source.shape)
    result = ops.warp(source, matrix, shift, fill=(7, 8, 9), interpolation="bilinear")
    assert result.flags.c_contiguous
    # cv2 rounds positions to 1/32 pixel.
    assert np.abs(result - expected.numpy())[..., inside].max() <= 4
    assert np.abs(result - expected.numpy())[..., inside].mean() < 0.6
    assert (result[..., outside] == np.array([7, 8, 9])[:, None, None]).all()


def test_a_positive_rotation_is_clockwise():
    source = np.zeros((3, 1, 21, 21), np.uint8)
    source[:, :, 2, 10] = 255  # twelve o'clock
    turned = ops.warp(source, ops.rotation(90), interpolation="nearest")
    assert np.argwhere(turned[0, 0]).tolist() == [[10, 18]]


@pytest.mark.parametrize("interpolation", ops.INTERPOLATIONS)
def test_the_identity_changes_nothing(interpolation):
    source = clip()
    assert (ops.warp(source, np.eye(2), interpolation=interpolation) == source).all()
