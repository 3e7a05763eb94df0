"""Data sets by name, and what a data set of your own has to keep to.

A data set is a class that is called with (cfg, split), split being train, val or test, and has

    len(dataset)               how many clips there are
    dataset[key]               an item; the key is an index, or (epoch, index) from our loaders
    dataset.clip_name(index)   what errors and result files call the clip

and, for a DATA_LOADER.SAMPLER other than shuffle, which draws some clips several times an epoch,

    dataset.label_matrix()     (clips, classes), 1 where a clip carries a class
    dataset[key]               for a key (epoch, index, again) too, again being 1, 2 ...: the same
                               clip, with other randomness

An item is `([clip], labels, index, time, meta)`:

    clip     train, val: uint8 (3, T, H, W) RGB, one tensor however many pathways the network has;
             it becomes floats, and pathways, on the device. test:
             `slowfast.ak.clips.views.ClipViews`,
             all views of the clip
    labels   float32 (classes,), 0 or 1; the class, a whole number, where DATA.MULTI_LABEL is False
    index    the clip's index, an int
    time     numbers of the frames shown, a tensor
    meta     a dict, mostly empty. What `slowfast.ak.clips.bad_clips.to_meta` makes tells that a
    clip could
             not be read: such a training clip may be replaced, in validation and test it is left
             out. A BadClip, or any other error, that an item raises stops the run

An item is best made from (seed, epoch, index) alone, so that neither the number of workers nor a
resume changes it. `slowfast.ak.clips.dataset.ClipDataset` keeps to all this, given clips and a
reader.
"""

from __future__ import annotations

from typing import Any

import torch
from fvcore.common.registry import Registry
from torch.utils.data import Dataset

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.errors import UserError

DATASET_REGISTRY = Registry("DATASET")
DATASET_REGISTRY.__doc__ = """
Classes to call with (cfg, split), split being train, val or test. `build_dataset("ak", ...)` looks
up the class called `Ak`; register your own with `@DATASET_REGISTRY.register()`. What it has to
keep to stands in the docstring of `slowfast.datasets.build`.
"""


def build_dataset(dataset_name: str, cfg, split: str) -> Dataset:
    """The data set that is registered under the name with its first letter in upper case.

    Raises UserError where there is none.
    """
    name = dataset_name.capitalize()
    if name not in DATASET_REGISTRY:
        known = ", ".join(sorted(key.lower() for key, _ in DATASET_REGISTRY))
        raise UserError(f"there is no data set {dataset_name!r}; there are: {known}.")
    return DATASET_REGISTRY.get(name)(cfg, split)


def check_data_set(dataset: Dataset, cfg, split: str) -> None:
    """Raise UserError where a data set, or its first item, does not keep to this module's terms.

    A `ClipDataset` does; of any other the item (0, 0) is made, to be looked at.
    """
    if isinstance(dataset, ClipDataset):
        return
    flaw = _flaw_of_data_set(dataset) or _flaw_of_first_item(dataset, cfg, split)
    if flaw:
        raise UserError(
            f"the data set {type(dataset).__name__} (split {split}) does not fit this tree: "
            f"{flaw}. What a data set has to have is said at the head of "
            "slowfast/datasets/build.py."
        )


def _flaw_of_data_set(dataset: Dataset) -> str:
    lacking = [
        name
        for name in ("__len__", "__getitem__", "clip_name")
        if not callable(getattr(dataset, name, None))
    ]
    return f"it has no {' and no '.join(lacking)}" if lacking else ""


def _flaw_of_first_item(dataset: Dataset, cfg, split: str) -> str:
    if not len(dataset):
        return ""
    try:
        item = dataset[(0, 0)]
    except (TypeError, LookupError, NotImplementedError) as error:
        return f"its item (epoch 0, index 0) cannot be had: {type(error).__name__}: {error}"
    if not isinstance(item, (tuple, list)) or len(item) != 5:
        size = f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
        return (
            f"expected items ([clip], labels, index, time, meta), found a "
            f"{type(item).__name__}{size}"
        )
    return _flaw_of_clip(item[0], split) or _flaw_of_labels(item[1], cfg)


def _flaw_of_clip(clips: Any, split: str) -> str:
    clip = clips[0] if isinstance(clips, (tuple, list)) and len(clips) == 1 else None
    if split == "test":
        fits, wanted = isinstance(clip, ClipViews), "one ClipViews"
    else:
        fits = isinstance(clip, torch.Tensor) and clip.dtype == torch.uint8
        fits = fits and clip.ndim == 4 and clip.shape[0] == 3
        wanted = "one uint8 tensor (3, T, H, W)"
    return "" if fits else f"expected a list of {wanted} first in an item, found {_in_words(clips)}"


def _flaw_of_labels(labels: Any, cfg) -> str:
    labels = torch.as_tensor(labels)
    if cfg.DATA.MULTI_LABEL:
        fits = labels.is_floating_point() and labels.shape == (cfg.MODEL.NUM_CLASSES,)
        wanted = f"float32 ({cfg.MODEL.NUM_CLASSES},), as DATA.MULTI_LABEL is True"
    else:
        fits = not labels.is_floating_point() and labels.ndim == 0
        wanted = "one whole number, as DATA.MULTI_LABEL is False"
    return "" if fits else f"expected labels to be {wanted}, found {_in_words(labels)}"


def _in_words(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {', '.join(map(_in_words, value)) or 'nothing'}"
    return f"a {type(value).__name__}"
