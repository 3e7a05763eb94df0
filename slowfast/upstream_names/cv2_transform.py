"""`slowfast.datasets.cv2_transform`: images as numpy arrays, scaled, cropped, flipped and coloured.

An image is (H, W, C) unless a function takes ``order`` or says (C, H, W). Colours are BGR. Boxes
are (N, 4): x1, y1, x2, y2 in pixels. A function of several images takes boxes as one array, or as a
list of arrays, and returns them in the same form; None stays None. Random numbers come from numpy's
global generator, which scripts seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from slowfast.ak.clips import sampling
from slowfast.ak.clips.sampling import crop_corners, scaled_size

Image = np.ndarray
Boxes = np.ndarray | list[np.ndarray] | None

BGR_TO_GREY = np.array([0.114, 0.587, 0.299])  # ITU-R BT.601
_ATTEMPTS = 10


def _map_boxes(boxes: Boxes, change: Callable[[np.ndarray], np.ndarray]) -> Boxes:
    if boxes is None or isinstance(boxes, np.ndarray):
        return None if boxes is None else change(boxes)
    return [change(each) for each in boxes]


# ------------------------------------------------------------------ layout


def CHW2HWC(image: Image) -> Image:
    """(C, H, W) -> (H, W, C)."""
    return image.transpose(1, 2, 0)


def HWC2CHW(image: Image) -> Image:
    """(H, W, C) -> (C, H, W)."""
    return image.transpose(2, 0, 1)


def pad_image(image: Image, pad_size: int, order: str = "CHW") -> Image:
    """Adds a black border of `pad_size` pixels on each side."""
    border = (pad_size, pad_size)
    widths = ((0, 0), border, border) if order == "CHW" else (border, border, (0, 0))
    return np.pad(image, widths)


# ------------------------------------------------------------------ size


def scale(size: int, image: Image) -> Image:
    """Scales the shorter side to `size` pixels; float32, unless the size is right already."""
    wanted = scaled_size(*image.shape[:2], size)
    if wanted == image.shape[:2]:
        return image
    return sampling.scale(image, wanted).astype(np.float32)


def scale_boxes(size: int, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes in the image that `scale` makes of an image of `height` x `width` pixels.

    Both sides are multiplied by the factor of the longer one, as upstream does it. The factor of
    the shorter one differs by less than a pixel of the scaled image.
    """
    return boxes * _factor_of_boxes(size, height, width)


def revert_scaled_boxes(
    size: int, boxes: np.ndarray, img_height: int, img_width: int
) -> np.ndarray:
    """The inverse of `scale_boxes`: boxes in the image before it was scaled."""
    return boxes / _factor_of_boxes(size, img_height, img_width)


def _factor_of_boxes(size: int, height: int, width: int) -> float:
    longer = 0 if width < height else 1
    return scaled_size(height, width, size)[longer] / (height, width)[longer]


def random_scale_jitter_list(images: Sequence[Image], min_size: int, max_size: int) -> list[Image]:
    """Scales the shorter side of all images to one random size; 1 / size is uniform."""
    size = _inverse_uniform(min_size, max_size)
    return [scale(size, image) for image in images]


def random_scale_jitter(image: Image, min_size: int, max_size: int) -> Image:
    """`random_scale_jitter_list` of one image."""
    return random_scale_jitter_list([image], min_size, max_size)[0]


def random_short_side_scale_jitter_list(
    images: Sequence[Image], min_size: int, max_size: int, boxes: Boxes = None
) -> tuple[list[Image], Boxes]:
    """`random_scale_jitter_list` of images and boxes."""
    size = _inverse_uniform(min_size, max_size)
    height, width = images[0].shape[:2]
    scaled = [scale(size, image) for image in images]
    return scaled, _map_boxes(boxes, lambda each: scale_boxes(size, each, height, width))


def _inverse_uniform(low: int, high: int) -> int:
    return round(1 / np.random.uniform(1 / high, 1 / low))


# ------------------------------------------------------------------ crops


def clip_boxes_to_image(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Moves corners outside the image to its edge."""
    return boxes.clip(0, np.array([width - 1, height - 1] * 2))


def crop_boxes(boxes: np.ndarray, x_offset: int, y_offset: int) -> np.ndarray:
    """Boxes in a crop whose upper left corner is at (`x_offset`, `y_offset`)."""
    return boxes - np.array([x_offset, y_offset] * 2)


def center_crop(size: int, image: Image) -> Image:
    """The square of `size` pixels in the centre; offsets are rounded up."""
    y, x = (math.ceil((side - size) / 2) for side in image.shape[:2])
    return image[y : y + size, x : x + size]


def spatial_shift_crop_list(
    size: int, images: Sequence[Image], spatial_shift_pos: int, boxes: Boxes = None
) -> tuple[list[Image], Boxes]:
    """Crops a square of all images: 0 left or top, 1 centre, 2 right or bottom.

    The place is along the longer side. Boxes are moved, and clipped to the crop.
    """
    corners = crop_corners(*images[0].shape[:2], size, count=3)
    y, x = corners[spatial_shift_pos].tolist()
    moved = _map_boxes(boxes, lambda each: clip_boxes_to_image(crop_boxes(each, x, y), size, size))
    return [image[y : y + size, x : x + size] for image in images], moved


def random_crop_list(
    images: Sequence[Image], size: int, pad_size: int = 0, order: str = "CHW", boxes: Boxes = None
) -> tuple[list[Image], Boxes]:
    """Crops a random square of `size` pixels, the same of all images.

    Args:
        pad_size: the width of a black border that is added before.
    """
    if pad_size:
        images = [pad_image(image, pad_size, order) for image in images]
    height, width = images[0].shape[1:] if order == "CHW" else images[0].shape[:2]
    y, x = (int(np.random.randint(0, side - size + 1)) for side in (height, width))
    rows, columns = slice(y, y + size), slice(x, x + size)
    part = (slice(None), rows, columns) if order == "CHW" else (rows, columns)
    shift = x - pad_size, y - pad_size
    moved = _map_boxes(
        boxes, lambda each: clip_boxes_to_image(crop_boxes(each, *shift), size, size)
    )
    return [image[part] for image in images], moved


def random_sized_crop_list(
    images: Sequence[Image], size: int, crop_area_fraction: float = 0.08
) -> list[Image]:
    """Crops a random part of all images and scales it to a square of `size` pixels.

    The part has a share of the area from `crop_area_fraction` to 1, and sides in a ratio of 3 / 4
    to 4 / 3 (Szegedy et al., CVPR 2015). If no part fits in ten attempts: the centre.
    """
    height, width = images[0].shape[:2]
    for _ in range(_ATTEMPTS):
        area = np.random.uniform(crop_area_fraction, 1) * height * width
        ratio = math.exp(np.random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < h <= height and 0 < w <= width:
            y, x = (
                int(np.random.randint(0, height - h + 1)),
                int(np.random.randint(0, width - w + 1)),
            )
            parts = (image[y : y + h, x : x + w] for image in images)
            return [cv2.resize(part, (size, size)).astype(np.float32) for part in parts]
    return [center_crop(size, scale(size, image)) for image in images]


def random_sized_crop(image: Image, size: int, area_frac: float = 0.08) -> Image:
    """`random_sized_crop_list` of one image."""
    return random_sized_crop_list([image], size, area_frac)[0]


# ------------------------------------------------------------------ mirror


def horizontal_flip_list(
    prob: float, images: Sequence[Image], order: str = "CHW", boxes: Boxes = None
) -> tuple[list[Image], Boxes]:
    """Mirrors all images and boxes with probability `prob`."""
    if np.random.uniform() >= prob:
        return list(images), boxes
    width = images[0].shape[2 if order == "CHW" else 1]
    flipped = [image[..., ::-1] if order == "CHW" else image[:, ::-1] for image in images]
    return [image.copy() for image in flipped], _map_boxes(boxes, lambda b: flip_boxes(b, width))


def horizontal_flip(prob: float, image: Image, order: str = "CHW") -> Image:
    """`horizontal_flip_list` of one image."""
    return horizontal_flip_list(prob, [image], order)[0][0]


def flip_boxes(boxes: np.ndarray, im_width: int) -> np.ndarray:
    """Boxes in the mirrored image."""
    mirrored = boxes.copy()
    mirrored[:, [0, 2]] = im_width - boxes[:, [2, 0]] - 1
    return mirrored


# ------------------------------------------------------------------ colours, images (C, H, W) BGR


def blend(image1: Image, image2: Image, alpha: float) -> Image:
    """`alpha` of the first image and 1 - `alpha` of the second."""
    return image1 * alpha + image2 * (1 - alpha)


def grayscale(image: Image) -> Image:
    """The luminance of an image (3, H, W), in all three channels."""
    grey = np.tensordot(BGR_TO_GREY.astype(image.dtype), image, axes=1)
    return np.broadcast_to(grey, image.shape).copy()


def brightness_list(var: float, images: Sequence[Image]) -> list[Image]:
    """Multiplies all images by one factor, uniform over 1 - `var` to 1 + `var`."""
    alpha = _factor(var)
    return [blend(image, np.zeros_like(image), alpha) for image in images]


def contrast_list(var: float, images: Sequence[Image]) -> list[Image]:
    """Blends each image with its mean grey, by one factor as in `brightness_list`."""
    alpha = _factor(var)
    return [blend(image, grayscale(image).mean(dtype=image.dtype), alpha) for image in images]


def saturation_list(var: float, images: Sequence[Image]) -> list[Image]:
    """Blends each image with its luminance, by one factor as in `brightness_list`."""
    alpha = _factor(var)
    return [blend(image, grayscale(image), alpha) for image in images]


def brightness(var: float, image: Image) -> Image:
    """`brightness_list` of one image."""
    return brightness_list(var, [image])[0]


def contrast(var: float, image: Image) -> Image:
    """`contrast_list` of one image."""
    return contrast_list(var, [image])[0]


def saturation(var: float, image: Image) -> Image:
    """`saturation_list` of one image."""
    return saturation_list(var, [image])[0]


def _factor(var: float) -> float:
    return 1 + np.random.uniform(-var, var)


def color_jitter_list(
    images: Sequence[Image],
    img_brightness: float = 0,
    img_contrast: float = 0,
    img_saturation: float = 0,
) -> list[Image]:
    """Changes brightness, contrast and saturation of all images, in random order; 0: not at all."""
    steps = [
        (brightness_list, img_brightness),
        (contrast_list, img_contrast),
        (saturation_list, img_saturation),
    ]
    images = list(images)
    for number in np.random.permutation(len(steps)):
        change, var = steps[number]
        if var:
            images = change(var, images)
    return images


def color_jitter(
    image: Image, img_brightness: float = 0, img_contrast: float = 0, img_saturation: float = 0
) -> Image:
    """`color_jitter_list` of one image."""
    return color_jitter_list([image], img_brightness, img_contrast, img_saturation)[0]


def lighting_list(
    imgs: Sequence[Image],
    alphastd: float,
    eigval: Sequence[float],
    eigvec: Sequence[Sequence[float]],
    alpha: np.ndarray | None = None,
) -> list[Image]:
    """Adds one random colour along the principal components (Krizhevsky et al., 2012).

    Args:
        alphastd: the standard deviation of the random weights; 0 changes nothing.
        eigval: (3,) eigenvalues, RGB.
        eigvec: (3, 3) eigenvectors in columns, RGB.
        alpha: (3,) the weights; None: drawn.
    """
    if alphastd == 0:
        return list(imgs)
    weights = np.random.normal(0, alphastd, size=3) if alpha is None else np.ravel(alpha)
    colour = np.asarray(eigvec) @ (weights * np.asarray(eigval))
    return [image + colour[::-1, None, None].astype(image.dtype) for image in imgs]


def lighting(
    img: Image, alphastd: float, eigval: Sequence[float], eigvec: Sequence[Sequence[float]]
) -> Image:
    """`lighting_list` of one image."""
    return lighting_list([img], alphastd, eigval, eigvec)[0]


def color_normalization(image: Image, mean: Sequence[float], stddev: Sequence[float]) -> Image:
    """(image - mean) / stddev, by channel."""
    mean, stddev = (np.asarray(v, image.dtype)[:, None, None] for v in (mean, stddev))
    return (image - mean) / stddev
