"""Functions that code written for upstream imports from `slowfast.datasets.utils`.

Nothing in this tree calls them: its data sets return uint8 clips, which become floats on the
device (`slowfast.ak.clips.network_input`). They are for scripts, and for data sets that are moved
here from upstream, whose `__getitem__` must return items as `slowfast.datasets.build` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.clips.sampling import RandomCrop, crop_corners, scaled_size, slow_indices
from slowfast.ak.registries.networks import pathway_count


def tensor_normalize(
    tensor: Tensor,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    func: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """(func(x) - mean) / std, with channels in the last dimension; uint8 becomes 0..1 first."""
    change = func or torch.nn.Identity()
    pixels = change(tensor / 255 if tensor.dtype == torch.uint8 else tensor)
    return (pixels - torch.as_tensor(mean).to(pixels)) / torch.as_tensor(std).to(pixels)


def pack_pathway_output(cfg, frames: Tensor) -> list[Tensor]:
    """One tensor a pathway, slow first, of a clip (C, T, H, W) that was read as BGR.

    DATA.REVERSE_INPUT_CHANNEL reverses the channels.
    """
    pathways = frames.flip(0) if cfg.DATA.REVERSE_INPUT_CHANNEL else frames
    strides = (cfg.SLOWFAST.ALPHA, 1)[-pathway_count(cfg) :]
    return [pathways[:, slow_indices(frames.shape[1], stride)] for stride in strides]


def spatial_sampling(
    frames: Tensor,
    spatial_idx: int = -1,
    min_scale: int = 256,
    max_scale: int = 320,
    crop_size: int = 224,
    random_horizontal_flip: bool = True,
    inverse_uniform_sampling: bool = False,
) -> Tensor:
    """Scales and crops float frames (C, T, H, W) to (C, T, crop_size, crop_size).

    Args:
        spatial_idx: -1 scales, crops and mirrors at random, with numpy's global generator. 0, 1 and
            2 take the left, centre and right (or upper and lower) crop of a test.
    """
    height, width = frames.shape[2:]
    if spatial_idx == -1:
        scales = (min_scale, max_scale)
        crops = RandomCrop(scales, crop_size, inverse_uniform_sampling, random_horizontal_flip)
        rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002 -- upstream's source
        crop = crops.draw(rng, height, width)
        size, y0, x0, flip = crop.size, crop.y0, crop.x0, crop.flip
    else:
        size, flip = scaled_size(height, width, min_scale), False
        y0, x0 = crop_corners(*size, crop_size, count=3)[spatial_idx].tolist()
    if size != (height, width):
        frames = F.interpolate(frames, size=size, mode="bilinear", align_corners=False)
    frames = frames[:, :, y0 : y0 + crop_size, x0 : x0 + crop_size]
    return frames.flip(-1) if flip else frames


def aggregate_labels(label_list: Iterable[Iterable[int]]) -> list[int]:
    """Sorted union of the labels of several frames."""
    return sorted(set().union(*label_list))


def as_binary_vector(labels: Iterable[int], num_classes: int) -> np.ndarray:
    """(num_classes,) zeros with ones at the labels."""
    vector = np.zeros(num_classes)
    vector[list(labels)] = 1
    return vector
