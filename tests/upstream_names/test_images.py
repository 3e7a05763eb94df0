"""Functions on images and clips: scaled, cropped, mirrored, coloured, erased and mixed."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from slowfast.ak.clips.resized_crop import RandomResizedCrop
from slowfast.ak.errors import UserError
from slowfast.datasets import cv2_transform as cv
from slowfast.datasets import rand_augment, transform
from slowfast.datasets.mixup import (
    MixUp,
    convert_to_one_hot,
    get_cutmix_bbox,
    mixup_target,
    rand_bbox,
)
from slowfast.datasets.random_erasing import RandomErasing

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/box_transforms.json").read_text())
BOXES = np.array([[2.0, 4.0, 20.0, 30.0], [-3.0, 0.0, 70.0, 60.0]])


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@pytest.fixture
def image() -> np.ndarray:
    """(48, 64, 3) uint8, with a different value of channel 0 in each column."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([columns * 4, rows * 5, rows + columns], -1).astype(np.uint8)


@pytest.fixture
def clip(image) -> torch.Tensor:
    """(2, 3, 48, 64) floats in 0..1; the second frame is darker."""
    frame = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    return torch.stack([frame, frame / 2])


# ------------------------------------------------------------------ numpy


def test_size_of_images_and_boxes(image):
    scaled = cv.scale(24, image)
    assert scaled.shape == (24, 32, 3)
    assert scaled.dtype == np.float32
    assert cv.scale(48, image) is image
    assert cv.scale_boxes(24, BOXES, 48, 64)[0].tolist() == [1, 2, 10, 15]
    back = cv.revert_scaled_boxes(24, cv.scale_boxes(24, BOXES, 48, 64), 48, 64)
    assert np.allclose(back, BOXES)
    assert cv.clip_boxes_to_image(BOXES, 48, 64)[1].tolist() == [0, 0, 63, 47]
    images, boxes = cv.random_short_side_scale_jitter_list([image, image], 24, 36, [BOXES])
    height = images[0].shape[0]
    assert 24 <= height <= 36
    assert images[1].shape == images[0].shape
    assert np.allclose(boxes[0], BOXES * images[0].shape[1] / 64)
    assert cv.random_scale_jitter(image, 30, 30).shape == (30, 40, 3)
    assert cv.random_scale_jitter_list([image], 30, 30)[0].shape == (30, 40, 3)


def test_crops_of_images(image):
    assert np.array_equal(cv.center_crop(32, image), image[8:40, 16:48])
    for place, x in enumerate((0, 8, 16)):
        (square,), boxes = cv.spatial_shift_crop_list(48, [image], place, BOXES)
        assert np.array_equal(square, image[:, x : x + 48])
        assert boxes[0].tolist() == [max(2 - x, 0), 4, 20 - x, 30]
    chw = cv.HWC2CHW(image)
    assert np.array_equal(cv.CHW2HWC(chw), image)
    (square,), boxes = cv.random_crop_list([chw], 40, boxes=BOXES)
    x, y = int(square[0, 0, 0]) // 4, int(square[1, 0, 0]) // 5
    assert np.array_equal(square, chw[:, y : y + 40, x : x + 40])
    assert boxes[0].tolist() == [max(2 - x, 0), max(4 - y, 0), 20 - x, 30 - y]
    (padded,), _ = cv.random_crop_list([image], 56, pad_size=4, order="HWC")
    assert padded.shape == (56, 56, 3)
    assert not padded[0].any()
    assert cv.pad_image(chw, 2).shape == (3, 52, 68)
    assert cv.random_sized_crop(image, 20).shape == (20, 20, 3)
    assert len(cv.random_sized_crop_list([image, image], 20, 0.5)) == 2
    assert cv.crop_boxes(BOXES, 1, 2)[0].tolist() == [1, 2, 19, 28]


def test_boxes_equal_upstreams():
    """Boxes of a validation on AVA: scaled, cropped in the centre, and mirrored or not."""
    for case in REFERENCE["cases"]:
        height, width, crop = case["height"], case["width"], case["crop"]
        flip = float(case["AVA.TEST_FORCE_FLIP"])
        boxes = np.array(REFERENCE["boxes"]) * [width, height, width, height]
        boxes = cv.clip_boxes_to_image(boxes, height, width)

        images, own = [np.zeros((height, width, 3), np.uint8)], [boxes]
        images, own = cv.random_short_side_scale_jitter_list(images, crop, crop, own)
        images, own = cv.spatial_shift_crop_list(crop, images, 1, own)
        _, (own,) = cv.horizontal_flip_list(flip, images, "HWC", own)
        assert np.allclose(own, case["out"], atol=1e-5)

        clip = torch.zeros(1, 3, height, width)
        clip, own = transform.random_short_side_scale_jitter(clip, crop, crop, boxes)
        clip, own = transform.uniform_crop(clip, crop, 1, own)
        assert np.allclose(transform.horizontal_flip(flip, clip, own)[1], case["out"], atol=1e-5)


def test_mirrored_images(image):
    (mirrored,), boxes = cv.horizontal_flip_list(1, [image], "HWC", BOXES)
    assert np.array_equal(mirrored, image[:, ::-1])
    assert boxes[0].tolist() == [43, 4, 61, 30]
    assert np.array_equal(boxes, cv.flip_boxes(BOXES, 64))
    chw = cv.HWC2CHW(image)
    assert np.array_equal(cv.horizontal_flip(1, chw), chw[:, :, ::-1])
    (same,), boxes = cv.horizontal_flip_list(0, [chw], boxes=BOXES)
    assert same is chw
    assert boxes is BOXES


def test_colours_of_images(image):
    chw = cv.HWC2CHW(image).astype(np.float32)
    grey = cv.grayscale(chw)
    expected = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_BGR2GRAY)
    assert np.allclose(grey, expected, atol=0.1)
    assert np.allclose(cv.blend(chw, grey, 0.25), 0.25 * chw + 0.75 * grey)
    for change in (cv.brightness, cv.contrast, cv.saturation):
        assert np.allclose(change(0, chw), chw, atol=1e-4)
        assert not np.allclose(change(0.5, chw), chw)
    bright = cv.brightness_list(0.5, [chw, 2 * chw])
    assert np.allclose(2 * bright[0], bright[1])
    assert np.allclose(cv.contrast_list(0.5, [grey])[0].mean(), grey.mean(), rtol=1e-3)
    assert np.allclose(cv.saturation_list(0.5, [grey])[0], grey, rtol=1e-3, atol=1e-3)
    assert np.array_equal(cv.color_jitter(chw), chw)
    jittered = cv.color_jitter_list([chw, chw], 0.4, 0.4, 0.4)
    assert np.array_equal(*jittered)
    eigen = ([1.0, 2.0, 3.0], np.eye(3))
    (lit,) = cv.lighting_list([chw], 0.1, *eigen, alpha=[[1, 1, 1]])
    assert np.allclose((lit - chw)[:, 0, 0], [3, 2, 1])  # the components are RGB, the image BGR
    assert cv.lighting(chw, 0, *eigen) is chw
    assert not np.array_equal(cv.lighting(chw, 0.1, *eigen), chw)
    normal = cv.color_normalization(chw, [1, 2, 3], [2, 2, 2])
    assert np.allclose(normal[2], (chw[2] - 3) / 2)


# ------------------------------------------------------------------ torch


def test_size_and_place_of_clips(clip):
    scaled, boxes = transform.random_short_side_scale_jitter(clip, 24, 24, BOXES)
    assert scaled.shape == (2, 3, 24, 32)
    assert boxes[0].tolist() == [1, 2, 10, 15]
    scaled, boxes = transform.random_short_side_scale_jitter(
        clip, 24, 36, inverse_uniform_sampling=True
    )
    assert 24 <= scaled.shape[2] <= 36
    assert boxes is None
    square, boxes = transform.uniform_crop(clip, 48, 2, BOXES)
    assert torch.equal(square, clip[..., 16:])
    assert boxes[0].tolist() == [0, 4, 4, 30]
    square, _ = transform.uniform_crop(clip[0], 24, 0, scale_size=24)
    assert square.shape == (3, 24, 24)
    square, boxes = transform.random_crop(clip, 40, BOXES)
    assert square.shape == (2, 3, 40, 40)
    assert boxes.max() <= 39
    mirrored, boxes = transform.horizontal_flip(1, clip, BOXES)
    assert torch.equal(mirrored, clip.flip(-1))
    assert boxes[0].tolist() == [43, 4, 61, 30]
    assert transform.horizontal_flip(0, clip)[0] is clip
    assert transform.clip_boxes_to_image(BOXES, 48, 64)[1].tolist() == [0, 0, 63, 47]
    assert transform.crop_boxes(BOXES, 1, 2)[0].tolist() == [1, 2, 19, 28]


def test_random_parts_of_clips(clip):
    frames = clip[:1].expand(5, -1, -1, -1).transpose(0, 1)  # (C, T, H, W), a still picture
    still = transform.random_resized_crop(frames, 20, 24)
    assert still.shape == (3, 5, 20, 24)
    assert torch.equal(still[:, 0], still[:, 4])
    moving = transform.random_resized_crop_with_shift(frames, 20, 24, (0.2, 0.3))
    assert moving.shape == (3, 5, 20, 24)
    steps = moving[0].mean(dim=(1, 2)).diff()  # channel 0 grows from column to column
    assert (steps > 0).all() or (steps < 0).all()


def test_random_parts_of_images(image):
    planes = torch.from_numpy(image).permute(2, 0, 1).float()
    square = transform.random_sized_crop_img(planes, 20, (0.25, 0.25), (1, 1))
    assert square.shape == (3, 20, 20)
    step = square[0, 0].diff()[5].item()
    assert step == pytest.approx(4 * 28 / 20, rel=1e-5)  # 28 = sqrt(48 x 64 / 4)
    picture = Image.fromarray(image)
    crop = transform.RandomResizedCropAndInterpolation((20, 24), (0.2, 0.3), (1, 2), "random")
    assert crop(picture).size == (24, 20)
    assert transform.RandomResizedCropAndInterpolation(16)(picture).size == (16, 16)
    top, left, height, width = crop.get_params(picture, (0.2, 0.3), (1, 2))
    assert 0.18 < height * width / (48 * 64) < 0.32
    assert 0.9 < width / height < 2.1
    assert 0 <= top <= 48 - height
    assert 0 <= left <= 64 - width


def test_the_transforms_of_a_training_image(image):
    picture = Image.fromarray(image)
    policy = {"auto_augment": "rand-m9-mstd0.5-inc1", "re_prob": 1.0, "re_mode": "pixel"}
    for settings in ({}, policy, {"vflip": 0.5, "color_jitter": None}):
        pixels = transform.transforms_imagenet_train(24, **settings)(picture)
        assert (pixels.shape, pixels.dtype) == ((3, 24, 24), torch.float32)
        assert pixels.min() < 0 < pixels.max()
    geometry, colours, rest = transform.transforms_imagenet_train((16, 20), separate=True)
    assert rest(colours(geometry(picture))).shape == (3, 16, 20)
    with pytest.raises(UserError, match="use_prefetcher"):
        transform.transforms_imagenet_train(use_prefetcher=True)


def test_a_moving_part_takes_upstreams_places(monkeypatch):
    """Measured: top, left, height and width of each of four frames."""
    places = [[10, 20, 64, 64], [7, 15, 85, 109], [5, 10, 106, 154], [3, 5, 128, 200]]
    drawn = iter([tuple(places[0]), tuple(places[-1])])
    monkeypatch.setattr(RandomResizedCrop, "draw_box", lambda *_: next(drawn))
    frames = torch.rand(3, 4, 140, 210)
    moving = transform.random_resized_crop_with_shift(frames, 4, 4)
    for t, (y, x, height, width) in enumerate(places):
        part = frames[:, t, y : y + height, x : x + width][None]
        scaled = torch.nn.functional.interpolate(part, (4, 4), mode="bilinear")
        assert torch.equal(moving[:, t], scaled[0])


def test_colours_of_clips(clip):
    grey = transform.grayscale(clip)
    one = cv.grayscale(clip[0].numpy())
    assert np.allclose(grey[0], one, atol=1e-6)
    for change in (
        transform.brightness_jitter,
        transform.contrast_jitter,
        transform.saturation_jitter,
    ):
        assert torch.allclose(change(0, clip), clip, atol=1e-6)
        assert not torch.allclose(change(0.5, clip), clip)
    assert torch.equal(transform.color_jitter(clip), clip)
    assert not torch.equal(transform.color_jitter(clip, 0.4, 0.4, 0.4), clip)
    assert torch.allclose(transform.blend(clip, grey, 0.5), (clip + grey) / 2)
    lit = transform.lighting_jitter(clip, 0.1, [1, 0, 0], np.eye(3)) - clip
    assert lit[:, :2].abs().max() < 1e-6  # the first component is red, channel 2
    assert lit[:, 2].std() < 1e-6 < lit[:, 2].abs().mean()
    assert transform.lighting_jitter(clip, 0, [1, 0, 0], np.eye(3)) is clip
    normal = transform.color_normalization(clip, [0.1, 0.2, 0.3], [2, 2, 2])
    assert torch.allclose(normal[:, 1], (clip[:, 1] - 0.2) / 2)


# ------------------------------------------------------------------ RandAugment, erasing, mixing


def test_operations_on_one_picture(image):
    picture = Image.fromarray(image)
    moves = ("shear_x", "shear_y", "translate_x_rel", "translate_y_rel", "rotate")
    for name in (*moves, "contrast", "color", "brightness", "sharpness"):
        changed = getattr(rand_augment, name)(picture, 0.5)
        assert changed.size == picture.size
        assert not np.array_equal(changed, picture), name
    moved = np.asarray(rand_augment.translate_x_abs(picture, 8))
    assert np.array_equal(moved[:, :56], image[:, 8:])
    moved = np.asarray(rand_augment.translate_y_abs(picture, 8))
    assert np.array_equal(moved[:40], image[8:])
    assert np.array_equal(rand_augment.invert(picture), 255 - image)
    assert np.array_equal(rand_augment.posterize(picture, 4), image & 0xF0)
    assert np.array_equal(rand_augment.solarize(picture, 256), image)
    assert np.array_equal(rand_augment.solarize_add(picture, 0), image)
    with pytest.raises(UserError, match="found thresh 100"):
        rand_augment.solarize_add(picture, 10, thresh=100)
    for name in ("auto_contrast", "equalize"):
        assert np.asarray(getattr(rand_augment, name)(picture)).max() == 255
    turned = np.asarray(picture.rotate(90, expand=False))[4:-4, 12:-12]
    own = np.asarray(rand_augment.rotate(picture, 90))[4:-4, 12:-12]
    assert np.abs(own.astype(int) - turned).mean() < 3


def test_randaugment_of_frames(image):
    frames = [Image.fromarray(image)] * 2
    augment = transform.create_random_augment(32, "rand-m9-n4-p1-inc1", "bilinear")
    one, two = augment(frames)
    assert np.array_equal(one, two)
    assert transform.create_random_augment(32) is list
    operation = rand_augment.AugmentOp("Invert", prob=1)
    assert np.array_equal(operation(frames[0]), 255 - image)
    assert len(rand_augment.rand_augment_ops()) == 15
    several = rand_augment.RandAugment([operation], num_layers=2)
    assert np.array_equal(several(frames)[1], image)
    made = rand_augment.rand_augment_transform("rand-m9-n3-mstd0.5-inc1", None)
    assert made.num_layers == 3
    assert len(made(frames)) == 2
    with pytest.raises(UserError, match="RandAugment has no 'Turn'"):
        rand_augment.AugmentOp("Turn")


@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_erasing(mode):
    frames = torch.full((4, 3, 32, 32), 7.0)
    RandomErasing(1.0, mode=mode, max_count=2, num_splits=2)(frames)
    changed = frames != 7
    assert not changed[:2].any()
    assert torch.equal(changed[2], changed[3])
    assert 0.01 < changed[2].float().mean() < 0.7
    values = frames[2][changed[2]]
    assert len(values.unique()) == {"const": 1, "rand": 3}.get(mode, len(values.unique()))
    RandomErasing(0.0)(frames[0])
    assert (frames[0] == 7).all()
    with pytest.raises(UserError, match="mode 'black'"):
        RandomErasing(mode="black")


def test_mixing():
    classes = torch.tensor([0, 2])
    assert convert_to_one_hot(classes, 3, 0.9, 0.05).tolist()[1] == pytest.approx([0.05, 0.05, 0.9])
    mixed = mixup_target(classes, 3, lam=0.75, smoothing=0.3)
    assert mixed[0].tolist() == pytest.approx([0.625, 0.1, 0.275])
    y0, y1, x0, x1 = rand_bbox((2, 3, 40, 60), lam=0.75)
    assert 0 <= y0 <= y1 <= 40
    assert 0 <= x0 <= x1 <= 60
    (y0, y1, x0, x1), share = get_cutmix_bbox((2, 3, 40, 60), 0.75)
    assert share == pytest.approx(1 - (y1 - y0) * (x1 - x0) / 2400)
    assert get_cutmix_bbox((40, 60), 0.75, correct_lam=False, count=3)[1] == 0.75
    clips = torch.stack([torch.zeros(3, 2, 8, 8), torch.ones(3, 2, 8, 8)])
    x, target = MixUp(mixup_alpha=1.0, label_smoothing=0.0, num_classes=3)(clips, classes)
    assert x is clips
    assert target.sum(dim=1).tolist() == pytest.approx([1, 1])
    assert float(x[0, 0, 0, 0, 0]) == pytest.approx(float(target[0, 2]))
    assert math.isclose(float(x[1, 0, 0, 0, 0]), float(target[1, 2]), rel_tol=1e-5)
