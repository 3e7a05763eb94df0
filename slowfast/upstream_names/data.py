"""`slowfast.datasets`: frames, labels, sampling, and batches of upstream's data sets.

The data sets of this tree do not use these functions: they give uint8 clips, which become floats on
the device (`slowfast.ak.clips.network_input`). These are for scripts that read clips themselves,
and for data sets that are moved here from upstream, whose items must become as
`slowfast.datasets.build` says.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, DistributedSampler, default_collate

from slowfast.ak.clips.augmentation import RandAugment
from slowfast.ak.clips.augmentation_policy import parse_policy
from slowfast.ak.clips.sampling import slow_indices
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.images import decode_image
from slowfast.ak.frames.reader import reason
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.paths import join, local_path
from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.networks import pathway_count
from slowfast.upstream_names import transform
from slowfast.upstream_names.rand_augment import RandomErasing

_SECONDS_BETWEEN_ATTEMPTS = 1.0


# ------------------------------------------------------------------ frames


def get_sequence(center_idx: int, half_len: int, sample_rate: int, num_frames: int) -> list[int]:
    """Frame indices around a frame, `sample_rate` apart, clamped to the video.

    Args:
        center_idx: the frame in the middle.
        half_len: frames before it; as many, less one, come after it.
        num_frames: frames of the video.
    """
    indices = range(center_idx - half_len, center_idx + half_len, sample_rate)
    return [min(max(index, 0), int(num_frames) - 1) for index in indices]


def retry_load_images(
    image_paths: Sequence[str], retry: int = 10, backend: str = "pytorch"
) -> Tensor | list[np.ndarray]:
    """Reads images, with several attempts a second apart, for file servers that fail at times.

    Args:
        retry: the number of attempts.
        backend: ``pytorch``: a uint8 tensor (T, H, W, 3); else a list of arrays (H, W, 3). BGR.

    Raises:
        BadClip: an image cannot be read. The message names it.
    """
    images = [_load_image(path, retry) for path in image_paths]
    return torch.as_tensor(np.stack(images)) if backend == "pytorch" else images


def _load_image(path: str, attempts: int) -> np.ndarray:
    for attempt in range(1, attempts + 1):
        try:
            with open(local_path(str(path)), "rb") as file:  # noqa: PTH123 -- it can be remote
                return cv2.cvtColor(decode_image(file.read()), cv2.COLOR_RGBA2BGR)
        except (OSError, ValueError) as error:
            if attempt == attempts:
                raise BadClip(
                    f"{path}: this image cannot be read: {reason(error)}. Extract or copy it again."
                ) from None
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)


def tensor_normalize(
    tensor: Tensor,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    func: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """(func(x) - mean) / std, with channels in the last dimension; uint8 becomes 0..1 first."""
    change = func or nn.Identity()
    pixels = change(tensor / 255 if tensor.dtype == torch.uint8 else tensor)
    return (pixels - torch.as_tensor(mean).to(pixels)) / torch.as_tensor(std).to(pixels)


def revert_tensor_normalize(
    tensor: Tensor, mean: float | Sequence[float], std: float | Sequence[float]
) -> Tensor:
    """The inverse of `tensor_normalize`: x std + mean, with channels in the last dimension."""
    return tensor * torch.as_tensor(std).to(tensor) + torch.as_tensor(mean).to(tensor)


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
    aspect_ratio: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
    motion_shift: bool = False,
) -> Tensor:
    """Scales and crops float frames (C, T, H, W) to (C, T, crop_size, crop_size).

    Args:
        spatial_idx: -1 scales, crops and mirrors at random, with numpy's global generator. 0, 1 and
            2 take the left, centre and right (or upper and lower) crop of a test.
        aspect_ratio, scale: the random crop has a share of the area and a ratio of width to height
            in these ranges (DATA.TRAIN_JITTER_ASPECT_RELATIVE and TRAIN_JITTER_SCALES_RELATIVE),
            and `min_scale` and `max_scale` are not used. Both are needed, or neither.
        motion_shift: whether such a crop moves from frame to frame.

    Raises:
        TypeError: one of `aspect_ratio` and `scale` is missing.
    """
    if spatial_idx != -1:
        frames, _ = transform.uniform_crop(frames, crop_size, spatial_idx, scale_size=min_scale)
        return frames
    if aspect_ratio or scale:
        crop = transform.random_resized_crop
        if motion_shift:
            crop = transform.random_resized_crop_with_shift
        frames = crop(frames, crop_size, crop_size, scale=scale, ratio=aspect_ratio)
    else:
        frames, _ = transform.random_short_side_scale_jitter(
            frames, min_scale, max_scale, inverse_uniform_sampling=inverse_uniform_sampling
        )
        frames, _ = transform.random_crop(frames, crop_size)
    return transform.horizontal_flip(0.5, frames)[0] if random_horizontal_flip else frames


def aug_frame(
    cfg,
    mode: str,
    rand_erase: bool,
    frames: Tensor,
    spatial_sample_index: int,
    min_scale: int,
    max_scale: int,
    crop_size: int,
) -> Tensor:
    """A clip of a data set from its frames: augmented, normalised, scaled and cropped.

    Args:
        cfg: AUG, DATA.MEAN, DATA.STD and the keys of training crops are read.
        mode: train, val or test; only training has relative crops.
        rand_erase: whether AUG.RE_PROB and the keys beside it erase parts.
        frames: uint8 (T, H, W, 3).
        spatial_sample_index, min_scale, max_scale, crop_size: as in `spatial_sampling`.

    Returns:
        float32 (3, T, crop_size, crop_size).
    """
    data, aug = cfg.DATA, cfg.AUG
    if aug.AA_TYPE:
        fill = tuple(round(255 * part) for part in data.MEAN)
        change = RandAugment(parse_policy(aug.AA_TYPE), fill, aug.INTERPOLATION)
        clip = np.ascontiguousarray(frames.permute(3, 0, 1, 2).numpy())
        frames = torch.from_numpy(change(clip, transform.new_generator())).permute(1, 2, 3, 0)
    clip = tensor_normalize(frames, data.MEAN, data.STD).permute(3, 0, 1, 2)
    train = mode == "train"
    clip = spatial_sampling(
        clip,
        spatial_sample_index,
        min_scale,
        max_scale,
        crop_size,
        random_horizontal_flip=data.RANDOM_FLIP,
        inverse_uniform_sampling=data.INV_UNIFORM_SAMPLE,
        aspect_ratio=data.TRAIN_JITTER_ASPECT_RELATIVE if train else None,
        scale=data.TRAIN_JITTER_SCALES_RELATIVE if train else None,
        motion_shift=data.TRAIN_JITTER_MOTION_SHIFT if train else False,
    )
    if rand_erase:
        count = {"min_count": aug.RE_COUNT, "max_count": aug.RE_COUNT}
        erase = RandomErasing(aug.RE_PROB, mode=aug.RE_MODE, **count, num_splits=0, device="cpu")
        clip = erase(clip.transpose(0, 1)).transpose(0, 1)
    return clip


# ------------------------------------------------------------------ labels and lists


def aggregate_labels(label_list: Iterable[Iterable[int]]) -> list[int]:
    """Sorted union of the labels of several frames."""
    return sorted(set().union(*label_list))


def as_binary_vector(labels: Iterable[int], num_classes: int) -> np.ndarray:
    """(num_classes,) zeros with ones at the labels."""
    vector = np.zeros(num_classes)
    vector[list(labels)] = 1
    return vector


def convert_to_video_level_labels(labels: list[list[list[int]]]) -> list[list[list[int]]]:
    """Gives every frame the labels of all frames of its video, in place.

    Args:
        labels: for each video, for each frame, its labels.
    """
    for number, frames in enumerate(labels):
        labels[number] = [aggregate_labels(frames)] * len(frames)
    return labels


def load_image_lists(
    frame_list_file: str, prefix: str = "", return_list: bool = False
) -> tuple[Any, Any]:
    """Reads a frame list: image paths, and labels, of the frames of each video.

    Args:
        frame_list_file: a list with the header `original_vido_id video_id frame_id path labels`.
        prefix: the folder of the paths.
        return_list: whether to return lists in the order of the file; otherwise dicts by the name
            of the video.

    Raises:
        UserError: the file cannot be read, a line does not fit, or the list does not name frames.
    """
    clips = ClipList.read(frame_list_file)
    if not clips.has_frames:
        raise UserError(
            f"{frame_list_file}: a light list, which does not name images. load_image_lists needs "
            "a frame list, with one line for each image."
        )
    paths, labels = defaultdict(list), defaultdict(list)
    for clip in range(len(clips)):
        for frame in range(clips.num_frames(clip)):
            paths[clips.name(clip)].append(join(prefix, clips.frame_path(clip, frame)))
            labels[clips.name(clip)].append(clips.labels(clip, frame, frame))
    if return_list:
        return list(paths.values()), list(labels.values())
    return dict(paths), dict(labels)


# ------------------------------------------------------------------ loading


def get_random_sampling_rate(long_cycle_sampling_rate: int, sampling_rate: int) -> int:
    """A random rate from `sampling_rate` to the other one; `sampling_rate` if that is 0."""
    if long_cycle_sampling_rate <= 0:
        return sampling_rate
    return int(np.random.randint(sampling_rate, long_cycle_sampling_rate + 1))


def create_sampler(dataset: Dataset, shuffle: bool, cfg) -> DistributedSampler | None:
    """torch's DistributedSampler in a run of several GPUs, else None."""
    return DistributedSampler(dataset, shuffle=shuffle) if cfg.NUM_GPUS > 1 else None


def loader_worker_init_fn(dataset: Dataset) -> None:
    """Returns None: workers need no start of their own."""


def multiple_samples_collate(batch: Sequence[tuple], fold: bool = False) -> tuple:
    """Joins items of which each has several samples of one clip, as further items of the batch.

    Args:
        batch: items (inputs, labels, index, time, extra), each field a list over the samples.
        fold: whether to return the inputs in a list.
    """
    fields = [[s for item in batch for s in item[place]] for place in range(4)]
    joined = tuple(map(default_collate, [*fields, [item[4] for item in batch]]))
    return ([joined[0]], *joined[1:]) if fold else joined


# ------------------------------------------------------------------ pytorchvideo's pieces


def Ptvkinetics(cfg, mode: str) -> Dataset:
    """The data set kinetics of split `mode`, which reads the lists of pytorchvideo's loader."""
    return DATASETS.get("ptvkinetics")(cfg, mode)


def Ptvcharades(cfg, mode: str) -> Dataset:
    """The data set charades of split `mode`, which reads the lists of pytorchvideo's loader."""
    return DATASETS.get("ptvcharades")(cfg, mode)


def Ptvssv2(cfg, mode: str) -> Dataset:
    """The data set ssv2 of split `mode`, which reads the lists of pytorchvideo's loader."""
    return DATASETS.get("ptvssv2")(cfg, mode)


def div255(x: Tensor) -> Tensor:
    """x / 255."""
    return x / 255


def rgb2bgr(x: Tensor) -> Tensor:
    """A clip (C, T, H, W) with its channels reversed."""
    return x.flip(0)


class PackPathway(nn.Module):
    """`pack_pathway_output` as a module."""

    def __init__(self, cfg) -> None:
        super().__init__()
        self.cfg = cfg

    def forward(self, x: Tensor) -> list[Tensor]:
        return pack_pathway_output(self.cfg, x)
