"""The data set ``imagenet``: single images with one class each, in folders by class.

    DATA.PATH_TO_DATA_DIR/train/<class>/<image>      DATA.PATH_TO_DATA_DIR/val/<class>/<image>

An image is a clip of one frame, so that a two-dimensional network trains in the same loops as a
network of clips. There are two recipes:

AUG.ENABLE True, for vision transformers: images are scaled by Pillow, which averages over all
    pixels that become one, as AUG.INTERPOLATION says. Training takes a random resized crop, mirrors
    it, and changes it as the group AUG says. Validation and test scale the short side to
    DATA.TEST_CROP_SIZE / DATA.IN_VAL_CROP_RATIO and crop DATA.TEST_CROP_SIZE in the centre.
AUG.ENABLE False, for residual networks: images are scaled as frames of clips are. Training takes a
    random resized crop, mirrors it, and changes its colours. Validation and test scale the short
    side to the larger of DATA.TRAIN_CROP_SIZE and DATA.TEST_CROP_SIZE, and crop the smaller in the
    centre. Upstream always scales to the former and crops the latter. In its own recipe for
    ResNet-50 the crop is larger than the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from slowfast.ak.clips.augmentation import Augmented, ColourJitter, PcaLighting
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.clips.resized_crop import RandomResizedCrop
from slowfast.ak.clips.sampling import CentreCrop, Crop, SquareCrop
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.frames.images import decode_image
from slowfast.ak.keys import Finding
from slowfast.ak.paths import local_path
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS

# The crops of training that the keys DATA.TRAIN_JITTER_SCALES_RELATIVE and ASPECT_RELATIVE replace
# (Szegedy et al., "Going deeper with convolutions", CVPR 2015).
SCALES, RATIOS = (0.08, 1.0), (3 / 4, 4 / 3)
# In training without AUG.ENABLE: the share by which brightness, contrast and saturation change at
# most, and the standard deviation of the weights of the principal colours (`PcaLighting`).
COLOUR_JITTER, LIGHTING = 0.4, 0.1

Resize = Callable[..., np.ndarray]


def pillow_scale(
    frame: np.ndarray,
    size: tuple[int, int],
    memory: np.ndarray | None = None,
    interpolation: str = "bicubic",
) -> np.ndarray:
    """A frame (H, W, 4) scaled to (height, width) by Pillow.

    Args:
        memory: not used; a parameter of `slowfast.ak.clips.sampling.scale`.
        interpolation: nearest, bilinear or bicubic.
    """
    # In mode RGBX the fourth byte has no part in the others.
    frame = np.ascontiguousarray(frame)
    image = Image.frombuffer("RGBX", frame.shape[1::-1], frame, "raw", "RGBX", 0, 1)
    method = Image.Resampling[interpolation.upper()]
    return np.asarray(image.resize(size[::-1], method))


@dataclass(frozen=True)
class PillowCentre(SquareCrop):
    """The short side scaled to `short_side` by Pillow, and the square of `side` in the centre.

    The longer side is floored and the corner is rounded, half to even.

    Args:
        short_side: in pixels; 0: the whole image is scaled to the square.
        resize: scales the image, with the parameters of `pillow_scale`.
    """

    short_side: int
    side: int
    resize: Resize = pillow_scale

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        """The crop in the centre. `rng` is not used."""
        if not self.short_side:
            return Crop((self.side, self.side), 0, 0, self.side, resize=self.resize)
        short = min(height, width)
        size = tuple(self.short_side * each // short for each in (height, width))
        y0, x0 = (round((each - self.side) / 2) for each in size)
        return Crop(size, y0, x0, self.side, resize=self.resize)


@dataclass(frozen=True)
class OneView:
    """The square of a crop as the only view of a test clip."""

    crop: SquareCrop

    def __call__(
        self, frames: Iterable[np.ndarray], rows: np.ndarray, rng: np.random.Generator
    ) -> ClipViews:
        """The view of an image from its frame (H, W, 4) uint8; rows (1, 1)."""
        (clip,) = self.crop(frames, rows, rng)
        corner = torch.zeros(1, 2, dtype=torch.int64)
        return ClipViews(
            clip.permute(1, 2, 3, 0).contiguous(), torch.from_numpy(rows), corner, self.crop.side
        )


def image_transform(cfg, split: str) -> SquareCrop | Augmented | OneView:
    """The transform of images for split train, val or test.

    Validation scales bicubically, whatever AUG.INTERPOLATION says, as upstream does.
    """
    if split == "train":
        return _training(cfg)
    data = cfg.DATA
    if cfg.AUG.ENABLE:
        ratio, side = data.IN_VAL_CROP_RATIO, data.TEST_CROP_SIZE
        centre = PillowCentre(int(side / ratio) if ratio else 0, side)
    else:
        sides = data.TRAIN_CROP_SIZE, data.TEST_CROP_SIZE
        centre = CentreCrop(max(sides), min(sides))
    return OneView(centre) if split == "test" else centre


def _training(cfg) -> Augmented:
    crop = partial(
        RandomResizedCrop,
        scales=tuple(cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE) or SCALES,
        ratios=tuple(cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE) or RATIOS,
        side=cfg.DATA.TRAIN_CROP_SIZE,
        flip=cfg.DATA.RANDOM_FLIP,
    )
    if cfg.AUG.ENABLE:
        resize = partial(pillow_scale, interpolation=cfg.AUG.INTERPOLATION)
        return Augmented.from_cfg(cfg, crop(resize=resize))
    values, vectors = cfg.DATA.TRAIN_PCA_EIGVAL, cfg.DATA.TRAIN_PCA_EIGVEC
    lighting = PcaLighting(LIGHTING, tuple(values), tuple(map(tuple, vectors)))
    return Augmented(crop(uniform_ratio=True), (ColourJitter(COLOUR_JITTER), lighting))


def _problems(cfg) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and np.shape(cfg.DATA.TRAIN_PCA_EIGVEC) != (3, 3):
        yield "DATA.TRAIN_PCA_EIGVEC", "expected three rows of three numbers"
    if cfg.DATA.NUM_FRAMES != 1:
        yield "DATA.NUM_FRAMES", "an image is a clip of one frame; set it to 1"
    if cfg.DATA.MULTI_LABEL:
        yield "DATA.MULTI_LABEL", "each image has one class, that of its folder; set it to False"


def _warnings(cfg) -> Iterator[Finding]:
    test = cfg.TEST
    views = {"NUM_ENSEMBLE_VIEWS": 10, "NUM_SPATIAL_CROPS": 3, "NUM_TEMPORAL_CLIPS": []}
    for name, default in views.items():
        if test.ENABLE and test[name] not in (default, 1):
            yield f"TEST.{name}", "not read: an image has one view, the crop in its centre"


@DATASETS.register(
    "Imagenet",
    list_format="class_folders",
    gives_images=True,
    transform=image_transform,
    sampling="dense",
    always_rgb=True,
    own_keys=(
        *("DATA.IN_VAL_CROP_RATIO", "DATA.TRAIN_PCA_", "AUG.GEN_MASK_LOADER"),
        *("DATA.PATH_TO_PRELOAD_IMDB", "DATA.IN22K_TRAINVAL", "DATA.IN22k_VAL_IN1K"),
        *CLIPS_OF_A_VIDEO,
    ),
    ignored_keys=(
        *("DATA.PATH_PREFIX", "DATA.SAMPLING_RATE", "DATA.TRAIN_JITTER_SCALES"),
        *("DATA.INV_UNIFORM_SAMPLE", "DATA.TRAIN_JITTER_MOTION_SHIFT", "DATA.SSL_COLOR_JITTER"),
    ),
    problems=_problems,
    warnings=_warnings,
)
class Imagenet(ClipDataset):
    """Images as clips of one frame; a test is made with the images of ``val``.

    The classes are the folders of ``train``, numbered in the order of their names; the folders of
    ``val`` are the same or some of them. Networks see RGB.

    Args:
        mode: train, val or test.
        num_retries: not used; upstream's callers pass it.
    """

    def __init__(self, cfg, mode: str, num_retries: int = 10):
        super().__init__(**clip_dataset_arguments(cfg, mode, DATASETS.facts("Imagenet")))

    def load_image(self, im_path: str) -> Tensor:
        """The image of a file, float32 (3, H, W), RGB, 0 to 1; for scripts written for upstream.

        Raises:
            OSError, ValueError: the file cannot be read, or is no image.
        """
        pixels = decode_image(Path(local_path(im_path)).read_bytes())[..., :3]
        return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
