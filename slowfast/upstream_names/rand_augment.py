"""`slowfast.datasets.rand_augment` and `random_erasing`: changes of the frames of a training clip.

`transforms_imagenet_train` of `slowfast.datasets.transform` is made of them and is here too.
Operations take PIL images. The pixels are changed by `slowfast.ak.clips.augmentation_operations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import transforms

from slowfast.ak.clips import augmentation
from slowfast.ak.clips import augmentation_operations as ops
from slowfast.ak.clips.augmentation_policy import RandAugmentPolicy, parse_policy
from slowfast.ak.errors import UserError
from slowfast.upstream_names.transform import (
    FrameAugment,
    RandomResizedCropAndInterpolation,
    new_generator,
)

# ------------------------------------------------------------------ operations on one image


def _on_image(img: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    return FrameAugment(lambda clip, rng: change(clip))([img])[0]


def _warp(img: Any, kwargs: dict, matrix: np.ndarray, shift: Sequence[float] = (0, 0)) -> Any:
    fill = kwargs.get("fillcolor") or (0, 0, 0)
    return _on_image(img, lambda clip: ops.warp(clip, matrix, shift, fill))


def shear_x(img: Any, factor: float, **kwargs: Any) -> Any:
    """Moves rows by `factor` times their distance from the centre."""
    return _warp(img, kwargs, ops.shear(x=factor))


def shear_y(img: Any, factor: float, **kwargs: Any) -> Any:
    """Moves columns by `factor` times their distance from the centre."""
    return _warp(img, kwargs, ops.shear(y=factor))


def translate_x_rel(img: Any, pct: float, **kwargs: Any) -> Any:
    """Moves the image by a part of its width."""
    return translate_x_abs(img, pct * img.size[0], **kwargs)


def translate_y_rel(img: Any, pct: float, **kwargs: Any) -> Any:
    """Moves the image by a part of its height."""
    return translate_y_abs(img, pct * img.size[1], **kwargs)


def translate_x_abs(img: Any, pixels: float, **kwargs: Any) -> Any:
    """Moves the image to the left by some pixels."""
    return _warp(img, kwargs, np.eye(2), (pixels, 0))


def translate_y_abs(img: Any, pixels: float, **kwargs: Any) -> Any:
    """Moves the image up by some pixels."""
    return _warp(img, kwargs, np.eye(2), (0, pixels))


def rotate(img: Any, degrees: float, **kwargs: Any) -> Any:
    """Rotates the image counter-clockwise, as PIL does."""
    return _warp(img, kwargs, ops.rotation(-degrees))


def auto_contrast(img: Any, **__: Any) -> Any:
    """Stretches each channel over all tones."""
    return _on_image(img, ops.auto_contrast)


def invert(img: Any, **__: Any) -> Any:
    """Inverts every tone."""
    return _on_image(img, ops.invert)


def equalize(img: Any, **__: Any) -> Any:
    """Makes all tones of each channel about equally frequent."""
    return _on_image(img, ops.equalize)


def solarize(img: Any, thresh: float, **__: Any) -> Any:
    """Inverts tones from `thresh` on."""
    return _on_image(img, lambda clip: ops.solarize(clip, thresh))


def solarize_add(img: Any, add: float, thresh: float = 128, **__: Any) -> Any:
    """Adds `add` to the tones below 128.

    Raises:
        UserError: `thresh` is not 128.
    """
    if thresh != 128:
        raise UserError(f"solarize_add: found thresh {thresh}; expected 128.")
    return _on_image(img, lambda clip: ops.solarize_add(clip, add))


def posterize(img: Any, bits_to_keep: int, **__: Any) -> Any:
    """Keeps the highest bits of each tone."""
    return _on_image(img, lambda clip: ops.posterize(clip, int(bits_to_keep)))


def contrast(img: Any, factor: float, **__: Any) -> Any:
    """Multiplies the distance from the mean grey by `factor`."""
    return _on_image(img, lambda clip: ops.contrast(clip, factor))


def color(img: Any, factor: float, **__: Any) -> Any:
    """Multiplies each pixel's distance from its own grey by `factor`."""
    return _on_image(img, lambda clip: ops.saturation(clip, factor))


def brightness(img: Any, factor: float, **__: Any) -> Any:
    """Multiplies every tone by `factor`."""
    return _on_image(img, lambda clip: ops.brightness(clip, factor))


def sharpness(img: Any, factor: float, **__: Any) -> Any:
    """Multiplies each pixel's distance from a smoothed image by `factor`."""
    return _on_image(img, lambda clip: ops.sharpness(clip, factor))


# ------------------------------------------------------------------ RandAugment

# timm's names of the operations that become stronger with the magnitude.
_OPERATIONS = {
    "AutoContrast": "auto_contrast",
    "Equalize": "equalize",
    "Invert": "invert",
    "Rotate": "rotate",
    "PosterizeIncreasing": "posterize",
    "SolarizeIncreasing": "solarize",
    "SolarizeAdd": "solarize_add",
    "ColorIncreasing": "saturation",
    "ContrastIncreasing": "contrast",
    "BrightnessIncreasing": "brightness",
    "SharpnessIncreasing": "sharpness",
    "ShearX": "shear_x",
    "ShearY": "shear_y",
    "TranslateXRel": "translate_x",
    "TranslateYRel": "translate_y",
}


class AugmentOp:
    """One operation of RandAugment, with a probability, on all frames of a clip.

    Args:
        name: an operation by timm's name, such as ``Rotate``.
        magnitude: its strength, 0 to 10.
        hparams: ``magnitude_std``, the standard deviation of the strength, is read.

    Raises:
        UserError: there is no such operation.
    """

    def __init__(
        self, name: str, prob: float = 0.5, magnitude: float = 10, hparams: dict | None = None
    ) -> None:
        if name not in _OPERATIONS:
            raise UserError(f"RandAugment has no {name!r}; expected one of {list(_OPERATIONS)}.")
        deviation = (hparams or {}).get("magnitude_std", 0.0)
        self._only = _OPERATIONS[name]
        self._policy = RandAugmentPolicy(magnitude, 1, deviation, prob)

    def __call__(self, img_list: Any) -> Any:
        """The changed images: a list for a list, an image for an image."""
        if not isinstance(img_list, (list, tuple)):
            return self([img_list])[0]
        return FrameAugment(self._change)(img_list)

    def _change(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        policy = self._policy
        if rng.random() >= policy.prob:
            return clip
        strength = np.clip(rng.normal(policy.magnitude, policy.deviation) / 10, 0, 1)
        sign = rng.choice((-1, 1))
        return augmentation.RandAugment(policy).apply(self._only, clip, sign * strength)


class RandAugment:
    """Applies `num_layers` operations, drawn with replacement or by weights.

    Args:
        ops: functions of a list of images.
        choice_weights: a probability for each operation; then none is drawn twice.
    """

    def __init__(
        self,
        ops: Sequence[Callable[[Any], Any]],
        num_layers: int = 2,
        choice_weights: Sequence[float] | None = None,
    ) -> None:
        self.ops, self.num_layers, self.choice_weights = ops, num_layers, choice_weights

    def __call__(self, img: Any) -> Any:
        """The changed images."""
        drawn = np.random.choice(
            len(self.ops),
            self.num_layers,
            replace=self.choice_weights is None,
            p=self.choice_weights,
        )
        for number in drawn:
            img = self.ops[number](img)
        return img


def rand_augment_ops(
    magnitude: float = 10, hparams: dict | None = None, transforms: Sequence[str] | None = None
) -> list[AugmentOp]:
    """The operations with probability 0.5 each; `transforms` names some, None means all."""
    return [AugmentOp(name, 0.5, magnitude, hparams) for name in transforms or _OPERATIONS]


def rand_augment_transform(config_str: str, hparams: dict | None) -> RandAugment:
    """RandAugment as a text such as ``rand-m9-mstd0.5-inc1`` says.

    Args:
        hparams: further settings of the operations; the text has precedence.

    Raises:
        UserError: the text has another form.
    """
    policy = parse_policy(config_str)
    settings = {**(hparams or {}), "magnitude_std": policy.deviation}
    operations = [AugmentOp(name, policy.prob, policy.magnitude, settings) for name in _OPERATIONS]
    return RandAugment(operations, policy.count)


# ------------------------------------------------------------------ erasing


class RandomErasing:
    """Overwrites random rectangles of normalised pixels (Zhong et al., AAAI 2020), in place.

    Args:
        probability: of a change, for a clip with `cube`, else for each frame.
        min_area, max_area: share of the picture that all rectangles cover together.
        min_aspect, max_aspect: ratio of height to width; `max_aspect` None: 1 / `min_aspect`.
        mode: new values. const: 0; rand: one normal value a channel; pixel: one a pixel.
        min_count, max_count: the number of rectangles; `max_count` None: `min_count`.
        num_splits: a batch has this many parts, and the first one is not changed; 0: all can be.
        device: not used; the values are made on the device of the input.
        cube: whether all frames get the same rectangles.
    """

    def __init__(
        self,
        probability: float = 0.5,
        min_area: float = 0.02,
        max_area: float = 1 / 3,
        min_aspect: float = 0.3,
        max_aspect: float | None = None,
        mode: str = "const",
        min_count: int = 1,
        max_count: int | None = None,
        num_splits: int = 0,
        device: str = "cuda",
        cube: bool = True,
    ) -> None:
        if mode not in ("const", "rand", "pixel"):
            raise UserError(f"RandomErasing: found mode {mode!r}; expected const, rand or pixel.")
        self.probability, self.mode, self.cube = probability, mode, cube
        self.area = min_area, max_area
        self.ratio = min_aspect, max_aspect or 1 / min_aspect
        self.counts, self.num_splits = (min_count, max_count or min_count), num_splits

    def __call__(self, input: Tensor) -> Tensor:
        """Erases parts of frames (T, C, H, W), or of one picture (C, H, W)."""
        frames = input if input.ndim == 4 else input[None]
        first = len(frames) // self.num_splits if self.num_splits > 1 else 0
        groups = [frames[first:]] if self.cube else [frame[None] for frame in frames[first:]]
        rng = new_generator()
        for group in groups:
            if rng.random() < self.probability:
                self._erase(group, rng)
        return input

    def _erase(self, frames: Tensor, rng: np.random.Generator) -> None:
        height, width = frames.shape[-2:]
        count = int(rng.integers(*self.counts, endpoint=True))
        for _ in range(count):
            for _ in range(10):  # a rectangle that does not fit is drawn again
                area = rng.uniform(*self.area) * height * width / count
                ratio = math.exp(rng.uniform(*map(math.log, self.ratio)))
                h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
                if h < height and w < width:
                    y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
                    part = frames[..., y : y + h, x : x + w]
                    part.copy_(self._values(part, rng))
                    break

    def _values(self, part: Tensor, rng: np.random.Generator) -> Tensor:
        """(C, h, w) or (C, 1, 1): the same values for all frames."""
        shape = part.shape[1:] if self.mode == "pixel" else (part.shape[1], 1, 1)
        values = np.zeros(shape) if self.mode == "const" else rng.standard_normal(shape)
        return torch.from_numpy(values).to(part)


# ------------------------------------------------------------------ all changes of a single image


def transforms_imagenet_train(
    img_size: int | Sequence[int] = 224,
    scale: Sequence[float] | None = None,
    ratio: Sequence[float] | None = None,
    hflip: float = 0.5,
    vflip: float = 0.0,
    color_jitter: float | Sequence[float] | None = 0.4,
    auto_augment: str | None = None,
    interpolation: str = "random",
    use_prefetcher: bool = False,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    re_prob: float = 0.0,
    re_mode: str = "const",
    re_count: int = 1,
    re_num_splits: int = 0,
    separate: bool = False,
) -> Any:
    """The transforms of a training image: a function from a PIL image to float32 (3, H, W).

    `auto_augment`, a policy such as ``rand-m9-mstd0.5-inc1``, replaces `color_jitter`.

    Args:
        hflip, vflip: probabilities that the image is mirrored left to right, and top to bottom.
        color_jitter: brightness, contrast and saturation change by a factor of 1 +- this.
        re_prob, re_mode, re_count, re_num_splits: as for `RandomErasing`.
        separate: whether to return three functions: geometry, colours, and the rest.

    Raises:
        UserError: `use_prefetcher`, which is not built.
    """
    if use_prefetcher:
        raise UserError(
            "transforms_imagenet_train: found use_prefetcher True; expected False. The loaders of "
            "this project normalise images on the device (TRAIN.DATASET imagenet)."
        )
    areas, ratios = scale or (0.08, 1.0), ratio or (3 / 4, 4 / 3)
    geometry: list[Any] = [
        RandomResizedCropAndInterpolation(img_size, areas, ratios, interpolation)
    ]
    if hflip > 0:
        geometry.append(transforms.RandomHorizontalFlip(hflip))
    if vflip > 0:
        geometry.append(transforms.RandomVerticalFlip(vflip))
    colours: list[Any] = []
    if auto_augment:
        colours.append(rand_augment_transform(auto_augment, None))
    elif color_jitter:
        is_number = isinstance(color_jitter, (int, float))
        colours.append(transforms.ColorJitter(*([color_jitter] * 3 if is_number else color_jitter)))
    rest: list[Any] = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    if re_prob > 0:
        splits = {"num_splits": re_num_splits, "cube": False}
        rest.append(RandomErasing(re_prob, mode=re_mode, min_count=re_count, **splits))
    if separate:
        return tuple(map(transforms.Compose, (geometry, colours, rest)))
    return transforms.Compose([*geometry, *colours, *rest])
