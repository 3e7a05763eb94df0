"""Random changes of training clips after scaling, cropping and mirroring: RandAugment, erasing.

They change cropped uint8 clips in the worker. One draw is for all frames of a clip. It comes from
the item's generator after the draws of the crops, so the crop is the same as without augmentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from slowfast.ak.clips import augmentation_operations as ops
from slowfast.ak.clips.augmentation_policy import MAX_MAGNITUDE, RandAugmentPolicy, parse_policy
from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.clips.sampling import SquareCrop

Colour = tuple[int, int, int]
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Augmented:
    """A transform of the frames of windows: a crop, and then changes of the cropped clip.

    A change takes a uint8 clip (3, T, side, side), RGB, which it can overwrite, and a generator.
    """

    crop: SquareCrop
    changes: tuple[Change, ...]

    @classmethod
    def from_cfg(cls, cfg, crop: SquareCrop) -> Augmented:
        """Reads the group AUG. Pixels that a warp leaves empty get the mean colour."""
        rgb = slice(None, None, 1 if sees_rgb(cfg) else -1)
        mean, deviation = cfg.DATA.MEAN[rgb], cfg.DATA.STD[rgb]
        fill = tuple(round(255 * part) for part in mean)
        aug = cfg.AUG
        changes: list[Change] = []
        if aug.AA_TYPE:
            changes.append(RandAugment(parse_policy(aug.AA_TYPE), fill, aug.INTERPOLATION))
        elif aug.COLOR_JITTER:
            changes.append(ColourJitter(aug.COLOR_JITTER))
        if aug.RE_PROB:
            spread = tuple(255 * part for part in deviation)
            changes.append(RandomErasing(aug.RE_PROB, aug.RE_MODE, aug.RE_COUNT, fill, spread))
        return cls(crop, tuple(changes))

    def __call__(
        self, frames: Iterable[np.ndarray], rows: np.ndarray, rng: np.random.Generator
    ) -> list[Tensor]:
        """The clips uint8 (3, T, side, side) that the crop gives, each changed by itself."""
        return [self._changed(clip, rng) for clip in self.crop(frames, rows, rng)]

    def resized(self, side: int) -> Augmented:
        """The same transform for another side."""
        return replace(self, crop=self.crop.resized(side))

    def _changed(self, clip: Tensor, rng: np.random.Generator) -> Tensor:
        pixels = clip.numpy()
        for change in self.changes:
            pixels = change(pixels, rng)
        return torch.from_numpy(pixels)


@dataclass(frozen=True)
class RandAugment:
    """Applies a few random operations of `OPERATIONS`, with magnitudes near the policy's.

    Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space",
    2020. The ranges at magnitude 10 are timm's for inc1, with two differences: posterize keeps 8 to
    4 bits, as in the paper, so that magnitude 0 changes nothing; and shears do not move the centre.
    """

    policy: RandAugmentPolicy
    fill: Colour = (0, 0, 0)
    interpolation: str = "bicubic"

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The clip (3, T, H, W) uint8, changed."""
        for _ in range(self.policy.count):
            name = OPERATIONS[rng.integers(len(OPERATIONS))]
            sign = rng.choice((-1, 1))
            magnitude = rng.normal(self.policy.magnitude, self.policy.deviation)
            if rng.random() < self.policy.prob:
                strength = min(max(magnitude / MAX_MAGNITUDE, 0), 1)
                clip = self.apply(name, clip, sign * strength)
        return clip

    def apply(self, name: str, clip: np.ndarray, strength: float) -> np.ndarray:
        """Applies one operation with strength -1 to 1. The sign is the direction, if it has two."""
        if name in GEOMETRY:
            matrix, (x, y) = GEOMETRY[name](strength)
            shift = x * clip.shape[3], y * clip.shape[2]
            return ops.warp(clip, matrix, shift, self.fill, self.interpolation)
        return TONES[name](clip, strength)


# Operations on tones, by strength s. Operations with one direction use the size of s.
TONES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "auto_contrast": lambda clip, s: ops.auto_contrast(clip),
    "equalize": lambda clip, s: ops.equalize(clip),
    "invert": lambda clip, s: ops.invert(clip),
    "posterize": lambda clip, s: ops.posterize(clip, 8 - round(4 * abs(s))),
    "solarize": lambda clip, s: ops.solarize(clip, 256 - 256 * abs(s)),
    "solarize_add": lambda clip, s: ops.solarize_add(clip, 110 * abs(s)),
    "brightness": lambda clip, s: ops.brightness(clip, 1 + 0.9 * s),
    "contrast": lambda clip, s: ops.contrast(clip, 1 + 0.9 * s),
    "saturation": lambda clip, s: ops.saturation(clip, 1 + 0.9 * s),
    "sharpness": lambda clip, s: ops.sharpness(clip, 1 + 0.9 * s),
}
# Matrix and shift of warps, by strength; the shift is a part of width and height.
GEOMETRY: dict[str, Callable[[float], tuple[np.ndarray, tuple[float, float]]]] = {
    "rotate": lambda s: (ops.rotation(30 * s), (0, 0)),
    "shear_x": lambda s: (ops.shear(x=0.3 * s), (0, 0)),
    "shear_y": lambda s: (ops.shear(y=0.3 * s), (0, 0)),
    "translate_x": lambda s: (np.eye(2), (0.45 * s, 0)),
    "translate_y": lambda s: (np.eye(2), (0, 0.45 * s)),
}
OPERATIONS = (*TONES, *GEOMETRY)


@dataclass(frozen=True)
class ColourJitter:
    """Changes brightness, contrast and saturation in random order, by factors of 1 +- strength."""

    strength: float

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The clip (3, T, H, W) uint8, changed."""
        factors = rng.uniform(max(0, 1 - self.strength), 1 + self.strength, 3)
        for which in rng.permutation(3):
            clip = (ops.brightness, ops.contrast, ops.saturation)[which](clip, factors[which])
        return clip


@dataclass(frozen=True)
class StrongColourJitter:
    """The colour jitter of self-supervised training, which some fine-tuning has too.

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020.
    Brightness, contrast, saturation and hue change in random order.

    Args:
        strengths: brightness, contrast and saturation change by factors of 1 +- these.
        hue: the hue moves by up to this part of the colour circle, either way.
        grey: the probability that the clip then becomes grey.
    """

    strengths: Sequence[float] = (0.4, 0.4, 0.4)
    hue: float = 0.1
    grey: float = 0.0

    @classmethod
    def from_cfg(cls, cfg) -> StrongColourJitter:
        """Reads DATA.SSL_COLOR_BRI_CON_SAT, DATA.SSL_COLOR_HUE and DATA.COLOR_RND_GRAYSCALE."""
        data = cfg.DATA
        return cls(tuple(data.SSL_COLOR_BRI_CON_SAT), data.SSL_COLOR_HUE, data.COLOR_RND_GRAYSCALE)

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The clip (3, T, H, W) uint8, changed."""
        low = [max(0, 1 - strength) for strength in self.strengths]
        factors = rng.uniform(low, [1 + strength for strength in self.strengths])
        amounts = [*factors, rng.uniform(-self.hue, self.hue)]
        for which in rng.permutation(4):
            clip = (ops.brightness, ops.contrast, ops.saturation, ops.hue)[which](
                clip, amounts[which]
            )
        return ops.saturation(clip, 0) if rng.random() < self.grey else clip


@dataclass(frozen=True)
class PcaLighting:
    """Adds one random colour to all pixels: a sum of the principal components of the colours.

    Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012,
    section 4.1. A component has the weight a * eigenvalue, with a normal.

    Args:
        deviation: the standard deviation of a, 0.1 in the paper.
        eigenvalues: (3,), for pixels of 0 to 1 (DATA.TRAIN_PCA_EIGVAL).
        eigenvectors: (3, 3), one in each column, RGB (DATA.TRAIN_PCA_EIGVEC).
    """

    deviation: float
    eigenvalues: Sequence[float]
    eigenvectors: Sequence[Sequence[float]]

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The clip (3, T, H, W) uint8, changed in place."""
        weights = rng.normal(0, self.deviation, 3) * np.asarray(self.eigenvalues)
        return ops.add_colour(clip, 255 * np.asarray(self.eigenvectors) @ weights)


@dataclass(frozen=True)
class RandomErasing:
    """Overwrites rectangles, the same in all frames (Zhong et al., AAAI 2020).

    Together they cover 2 to 33 % of the picture. The ratio of their sides is 0.3 to 1 / 0.3. A
    rectangle that does not fit is drawn again, up to ten times.

    Args:
        prob: the probability that a clip is changed.
        mode: the new colours. const: the mean colour; color: one random colour a rectangle; pixel:
            one random colour a pixel. Random colours are normal around the mean, and the same in
            all frames, since noise that changes from frame to frame would be motion.
        count: the number of rectangles.
        mean, deviation: mean and standard deviation of the pixels, RGB, 0 to 255.
    """

    prob: float
    mode: str = "pixel"
    count: int = 1
    mean: Colour = (0, 0, 0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The clip (3, T, H, W) uint8, changed in place."""
        if rng.random() >= self.prob:
            return clip
        for _ in range(self.count):
            height, width = self._size(rng, *clip.shape[-2:])
            y0 = rng.integers(clip.shape[-2] - height, endpoint=True)
            x0 = rng.integers(clip.shape[-1] - width, endpoint=True)
            box = clip[:, :, y0 : y0 + height, x0 : x0 + width]
            box[...] = self._colours(rng, height, width)[:, None]
        return clip

    def _size(self, rng: np.random.Generator, height: int, width: int) -> tuple[int, int]:
        """Height and width of a rectangle; 0, 0 if none was found that fits."""
        for _ in range(10):
            area = rng.uniform(0.02, 1 / 3) * height * width / self.count
            ratio = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
            size = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if size[0] <= height and size[1] <= width:
                return size
        return 0, 0

    def _colours(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """uint8 (3, height, width), or (3, 1, 1)."""
        shape = (3, height, width) if self.mode == "pixel" else (3, 1, 1)
        colours = np.reshape(self.mean, (3, 1, 1)) + np.zeros(shape, np.float32)
        if self.mode != "const":
            colours += np.reshape(self.deviation, (3, 1, 1)) * rng.standard_normal(
                shape, np.float32
            )
        return np.clip(np.round(colours), 0, 255).astype(np.uint8)
