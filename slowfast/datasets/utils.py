"""Steps of upstream's data path under upstream's names, for data sets that users bring along.

The data sets of this tree hand over uint8 clips and need none of these: their pixels become floats
on the device. A data set written for upstream works on floats in the worker; here is what it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from slowfast.ak.sampling import slow_indices
from slowfast.ak.transforms import RandomCrop, crop_corners, scaled_size


def tensor_normalize(
    tensor: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    func: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """(x - mean) / std over the last dimension, the channels; uint8 is brought to 0..1 first.

    func: applied to the floats before they are normalised.
    """
    if tensor.dtype == torch.uint8:
        tensor = tensor / 255
    if func is not None:
        tensor = func(tensor)
    mean, std = (torch.as_tensor(v, dtype=tensor.dtype, device=tensor.device) for v in (mean, std))
    return (tensor - mean) / std


def pack_pathway_output(cfg, frames: Tensor) -> list[Tensor]:
    """A clip (C, T, H, W), read as BGR, as one tensor a pathway, slow first.

    DATA.REVERSE_INPUT_CHANNEL turns the channels round. Raises NotImplementedError for a MODEL.ARCH
    that is in neither list of architectures.
    """
    if cfg.DATA.REVERSE_INPUT_CHANNEL:
        frames = frames.flip(0)
    if cfg.MODEL.ARCH in cfg.MODEL.SINGLE_PATHWAY_ARCH:
        return [frames]
    if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH:
        rows = torch.from_numpy(slow_indices(frames.shape[1], cfg.SLOWFAST.ALPHA))
        return [frames.index_select(1, rows.to(frames.device)), frames]
    known = cfg.MODEL.SINGLE_PATHWAY_ARCH + cfg.MODEL.MULTI_PATHWAY_ARCH
    raise NotImplementedError(f"MODEL.ARCH {cfg.MODEL.ARCH} has no pathways; known are {known}")


def spatial_sampling(
    frames: Tensor,
    spatial_idx: int = -1,
    min_scale: int = 256,
    max_scale: int = 320,
    crop_size: int = 224,
    random_horizontal_flip: bool = True,
    inverse_uniform_sampling: bool = False,
) -> Tensor:
    """Scale and crop float frames (C, T, H, W) to (C, T, crop_size, crop_size).

    spatial_idx: -1 scales, crops and mirrors at random, drawing from numpy's global state; 0, 1 and
    2 take the left, centre and right (or upper and lower) of the three crops of a test.
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
