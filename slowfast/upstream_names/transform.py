"""`slowfast.datasets.transform`: clips as tensors, scaled, cropped, flipped and coloured.

A clip has height and width in its last two dimensions. The functions on colours take (T, C, H, W),
BGR. Boxes are (N, 4) numpy arrays: x1, y1, x2, y2 in pixels; None stays None. Random numbers come
from numpy's global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.clips.augmentation import RandAugment
from slowfast.ak.clips.augmentation_policy import parse_policy
from slowfast.ak.clips.resized_crop import Box, RandomResizedCrop, moved
from slowfast.ak.clips.sampling import crop_corners, scaled_size
from slowfast.upstream_names import cv2_transform
from slowfast.upstream_names.cv2_transform import clip_boxes_to_image, crop_boxes

Boxes = np.ndarray | None
Range = Sequence[float]

_MEAN_COLOUR = (124, 116, 104)  # of ImageNet, RGB


def _resized(images: Tensor, height: int, width: int) -> Tensor:
    """Bilinear, without antialiasing, with pixel centres at half integers."""
    if tuple(images.shape[-2:]) == (height, width):
        return images
    planes = images if images.ndim == 4 else images[None]
    scaled = F.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)
    return scaled if images.ndim == 4 else scaled[0]


def _scaled(images: Tensor, size: int, boxes: Boxes) -> tuple[Tensor, Boxes]:
    height, width = images.shape[-2:]
    if boxes is not None:
        boxes = cv2_transform.scale_boxes(size, boxes, height, width)
    return _resized(images, *scaled_size(height, width, size)), boxes


def _cropped(images: Tensor, y: int, x: int, size: int, boxes: Boxes) -> tuple[Tensor, Boxes]:
    if boxes is not None:
        boxes = clip_boxes_to_image(crop_boxes(boxes, x, y), size, size)
    return images[..., y : y + size, x : x + size], boxes


# ------------------------------------------------------------------ size and place


def random_short_side_scale_jitter(
    images: Tensor,
    min_size: int,
    max_size: int,
    boxes: Boxes = None,
    inverse_uniform_sampling: bool = False,
) -> tuple[Tensor, Boxes]:
    """Scales the shorter side to a random size from `min_size` to `max_size`.

    Args:
        images: (C, T, H, W), or (T, C, H, W), floats.
        inverse_uniform_sampling: whether 1 / size is uniform; otherwise the size is.
    """
    if inverse_uniform_sampling:
        size = round(1 / np.random.uniform(1 / max_size, 1 / min_size))
    else:
        size = round(np.random.uniform(min_size, max_size))
    return _scaled(images, size, boxes)


def random_crop(images: Tensor, size: int, boxes: Boxes = None) -> tuple[Tensor, Boxes]:
    """Crops a random square of `size` pixels."""
    y, x = (int(np.random.randint(0, side - size + 1)) for side in images.shape[-2:])
    return _cropped(images, y, x, size, boxes)


def uniform_crop(
    images: Tensor, size: int, spatial_idx: int, boxes: Boxes = None, scale_size: int | None = None
) -> tuple[Tensor, Boxes]:
    """Crops a square: 0 left or top, 1 centre, 2 right or bottom of the longer side.

    Args:
        images: (C, T, H, W), (T, C, H, W) or (C, H, W).
        scale_size: the shorter side is scaled to this size before; None: it is not.
    """
    if scale_size is not None:
        images, boxes = _scaled(images, scale_size, boxes)
    corners = crop_corners(*images.shape[-2:], size, count=3)
    y, x = corners[spatial_idx].tolist()
    return _cropped(images, y, x, size, boxes)


def horizontal_flip(prob: float, images: Tensor, boxes: Boxes = None) -> tuple[Tensor, Boxes]:
    """Mirrors the clip and its boxes with probability `prob`."""
    if np.random.uniform() >= prob:
        return images, boxes
    if boxes is not None:
        boxes = cv2_transform.flip_boxes(boxes, images.shape[-1])
    return images.flip(-1), boxes


def random_resized_crop(
    images: Tensor,
    target_height: int,
    target_width: int,
    scale: Range = (0.8, 1.0),
    ratio: Range = (3.0 / 4.0, 4.0 / 3.0),
) -> Tensor:
    """Crops a random part and scales it to the target size.

    Args:
        images: (C, T, H, W).
        scale: lowest and highest share of the area.
        ratio: lowest and highest ratio of width to height.
    """
    return _resized_part(images, _drawn_box(images, scale, ratio), target_height, target_width)


def random_resized_crop_with_shift(
    images: Tensor,
    target_height: int,
    target_width: int,
    scale: Range = (0.8, 1.0),
    ratio: Range = (3.0 / 4.0, 4.0 / 3.0),
) -> Tensor:
    """As `random_resized_crop`, but the part moves evenly from one random crop to another.

    Args:
        images: (C, T, H, W).
    """
    first, last = (_drawn_box(images, scale, ratio) for _ in range(2))
    frames = [
        _resized_part(images[:, time], box, target_height, target_width)
        for time, box in enumerate(moved(first, last, images.shape[1]))
    ]
    return torch.stack(frames, dim=1)


def random_sized_crop_img(
    im: Tensor,
    size: int,
    jitter_scale: Range = (0.08, 1.0),
    jitter_aspect: Range = (3.0 / 4.0, 4.0 / 3.0),
    max_iter: int = 10,
) -> Tensor:
    """Crops a random part of an image and scales it to a square.

    The ratio of the sides is uniform, and height and width are exchanged at a chance of one half.

    Args:
        im: (C, H, W).
        size: the side of the square, in pixels.
        max_iter: how often a part is drawn, if it is larger than the image.
    """
    box = _drawn_box(im, jitter_scale, jitter_aspect, uniform_ratio=True, attempts=max_iter)
    return _resized_part(im, box, size, size)


class RandomResizedCropAndInterpolation:
    """Crops a random part of a PIL image and scales it; the logarithm of its ratio is uniform.

    Args:
        size: the new height and width in pixels, or one number for both.
        scale: lowest and highest share of the area.
        ratio: lowest and highest ratio of width to height.
        interpolation: a name of Pillow, such as ``bicubic``; ``random``: bilinear or bicubic, as it
            is drawn for each image.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Range = (0.08, 1.0),
        ratio: Range = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: str = "bilinear",
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.scale, self.ratio, self.interpolation = scale, ratio, interpolation

    @staticmethod
    def get_params(img: Any, scale: Range, ratio: Range) -> Box:
        """Top, left, height and width of a random part of a PIL image."""
        crop = RandomResizedCrop(tuple(scale), tuple(ratio), side=0)
        return crop.draw_box(new_generator(), img.height, img.width)

    def __call__(self, img: Any) -> Any:
        """The part as a PIL image of the new size."""
        from PIL import Image

        top, left, height, width = self.get_params(img, self.scale, self.ratio)
        name = self.interpolation
        if name == "random":
            name = ("bilinear", "bicubic")[np.random.randint(2)]
        part = img.crop((left, top, left + width, top + height))
        return part.resize(self.size[::-1], Image.Resampling[name.upper()])


def _drawn_box(images: Tensor, scale: Range, ratio: Range, **settings: Any) -> Box:
    """A random part of images (..., H, W); `settings` are arguments of `RandomResizedCrop`.

    Raises:
        TypeError: a range is missing.
    """
    if not (scale and ratio):
        raise TypeError(
            f"a random part: found the areas {scale} and the aspect ratios {ratio}; expected two "
            "numbers of each, such as (0.08, 1) and (3 / 4, 4 / 3)."
        )
    crop = RandomResizedCrop(tuple(scale), tuple(ratio), side=0, **settings)
    return crop.draw_box(new_generator(), *images.shape[-2:])


def _resized_part(images: Tensor, box: Box, height: int, width: int) -> Tensor:
    top, left, rows, columns = box
    return _resized(images[..., top : top + rows, left : left + columns], height, width)


# ------------------------------------------------------------------ colours, clips (T, C, H, W) BGR


def blend(images1: Tensor, images2: Tensor, alpha: float) -> Tensor:
    """`alpha` of the first clip and 1 - `alpha` of the second."""
    return images1 * alpha + images2 * (1 - alpha)


def grayscale(images: Tensor) -> Tensor:
    """The luminance of a clip (T, 3, H, W), in all three channels."""
    grey = sum(part * images[:, k] for k, part in enumerate(cv2_transform.BGR_TO_GREY.tolist()))
    return grey[:, None].expand_as(images).clone()


def brightness_jitter(var: float, images: Tensor) -> Tensor:
    """Multiplies a clip by a factor that is uniform over 1 - `var` to 1 + `var`."""
    return blend(images, torch.zeros_like(images), _factor(var))


def contrast_jitter(var: float, images: Tensor) -> Tensor:
    """Blends each frame with its mean grey, by a factor as in `brightness_jitter`."""
    means = grayscale(images).mean(dim=(1, 2, 3), keepdim=True)
    return blend(images, means.expand_as(images), _factor(var))


def saturation_jitter(var: float, images: Tensor) -> Tensor:
    """Blends a clip with its luminance, by a factor as in `brightness_jitter`."""
    return blend(images, grayscale(images), _factor(var))


def _factor(var: float) -> float:
    return 1 + np.random.uniform(-var, var)


def color_jitter(
    images: Tensor, img_brightness: float = 0, img_contrast: float = 0, img_saturation: float = 0
) -> Tensor:
    """Changes brightness, contrast and saturation, in random order; 0: not at all."""
    steps = [
        (brightness_jitter, img_brightness),
        (contrast_jitter, img_contrast),
        (saturation_jitter, img_saturation),
    ]
    for number in np.random.permutation(len(steps)):
        change, var = steps[number]
        if var:
            images = change(var, images)
    return images


def lighting_jitter(
    images: Tensor, alphastd: float, eigval: Sequence[float], eigvec: Sequence[Sequence[float]]
) -> Tensor:
    """Adds one random colour along the principal components (`cv2_transform.lighting_list`)."""
    if alphastd == 0:
        return images
    weights = np.random.normal(0, alphastd, size=3)
    colour = np.asarray(eigvec) @ (weights * np.asarray(eigval))
    return images + torch.from_numpy(colour[::-1].copy()).to(images).view(1, 3, 1, 1)


def color_normalization(images: Tensor, mean: Sequence[float], stddev: Sequence[float]) -> Tensor:
    """(images - mean) / stddev, by channel of (T, C, H, W)."""
    mean, stddev = (torch.as_tensor(v).to(images).view(1, -1, 1, 1) for v in (mean, stddev))
    return (images - mean) / stddev


def create_random_augment(
    input_size: int | Sequence[int],
    auto_augment: str | None = None,
    interpolation: str = "bilinear",
) -> Callable[[Sequence[Any]], list[Any]]:
    """RandAugment for the frames of a clip: a function from PIL images to PIL images.

    All frames get the same operations. Pixels that a warp leaves empty get the mean colour.

    Args:
        input_size: not used; upstream's callers pass it.
        auto_augment: a policy such as ``rand-m7-n4-mstd0.5-inc1``; None: nothing is changed.

    Raises:
        UserError: the policy is not of this form.
    """
    if not auto_augment:
        return list
    return FrameAugment(RandAugment(parse_policy(auto_augment), _MEAN_COLOUR, interpolation))


class FrameAugment:
    """Applies a change of clips (3, T, H, W) uint8 to a list of PIL images."""

    def __init__(self, change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> None:
        self._change = change

    def __call__(self, img_list: Sequence[Any]) -> list[Any]:
        """The changed images."""
        from PIL import Image

        clip = np.stack([np.asarray(image.convert("RGB")) for image in img_list])
        changed = self._change(np.ascontiguousarray(clip.transpose(3, 0, 1, 2)), new_generator())
        return [Image.fromarray(frame) for frame in changed.transpose(1, 2, 3, 0)]


def new_generator() -> np.random.Generator:
    """A generator seeded by numpy's global one, which scripts seed."""
    return np.random.default_rng(np.random.randint(2**31))
