"""Builds a data set by its name, and checks a data set of a user.

To add a data set, write one file in this folder with a class, and register the class with facts
about it (`slowfast.ak.registries.datasets.DatasetFacts`):

    @DATASETS.register("Zoo", list_format="header", frames="image")
    class Zoo(ClipDataset): ...

TRAIN.DATASET zoo then finds it. The class is called with (cfg, split), where split is train, val or
test, and has

    len(dataset)               the number of clips
    dataset[key]               an item; the key is an index, or (epoch, index) from our loaders
    dataset.clip_name(index)   the name of the clip in errors and result files

For a DATA_LOADER.SAMPLER other than shuffle, which draws some clips several times an epoch, it also
has

    dataset.label_matrix()     (clips, classes), 1 if a clip has a class
    dataset[key]               for keys (epoch, index, repeat) too, with repeat 1, 2, ...: the same
                               clip with other random numbers

An item is `([clip], labels, index, time, meta)`:

    clip     train, val: uint8 (3, T, H, W) RGB, one tensor for any number of pathways; the device
             makes floats and pathways of it. test: `slowfast.ak.clips.views.ClipViews`, all views
             of the clip. With the fact `gives_features`: floats (P, C), and in a test
             `FeatureViews`
    labels   float32 (classes,), 0 or 1; if DATA.MULTI_LABEL is False the class, a whole number; if
             the facts name label columns, a dict with the class of each column
    index    the clip's index, an int
    time     the numbers of the frames shown, a tensor
    meta     a dict, usually empty. `slowfast.ak.clips.bad_clips.to_meta` makes the meta of a clip
             that could not be read: such a training clip can be replaced, in validation and test it
             is left out. Any error that an item raises, also BadClip, stops the run

A training item can have several clips of one video, the same number in each item (repeated
augmentation): `([clip, clip, ...], labels, index, time, meta)`. Labels are for all its clips, or a
list with the labels of each; time is (clips, T). A batch then has a row for each clip, and the
clips of a video are neighbours. `slowfast.ak.registries.datasets.clips_of_a_video` is the number of
clips that the configuration asks for, and that the dry run and the norms count with.

Make an item only from (seed, epoch, index); then neither the number of workers nor a resume changes
it. `slowfast.ak.clips.dataset.ClipDataset` does all this for a list of clips and a frame reader.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.views import ClipViews, FeatureViews
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import DATASETS, clips_of_a_video, facts_for

# The name that upstream's users import.
DATASET_REGISTRY = DATASETS


def build_dataset(dataset_name: str, cfg, split: str) -> Dataset:
    """Builds the data set with a name, such as ``ak``, for split train, val or test.

    Raises:
        UserError: there is no such data set.
    """
    return DATASET_REGISTRY.get(dataset_name)(cfg, split)


def check_data_set(dataset: Dataset, cfg, split: str) -> None:
    """Raises UserError if a data set or its first item is not as the head of this file says.

    A `ClipDataset` is not checked. For any other data set, the item (0, 0) is made.
    """
    if isinstance(dataset, ClipDataset):
        return
    problem = _problem_of_data_set(dataset) or _problem_of_first_item(dataset, cfg, split)
    if problem:
        raise UserError(
            f"the data set {type(dataset).__name__} (split {split}) does not fit this tree: "
            f"{problem}. The head of slowfast/datasets/build.py says what a data set needs."
        )


def _problem_of_data_set(dataset: Dataset) -> str:
    missing = [
        name
        for name in ("__len__", "__getitem__", "clip_name")
        if not callable(getattr(dataset, name, None))
    ]
    return f"it has no {' and no '.join(missing)}" if missing else ""


def _problem_of_first_item(dataset: Dataset, cfg, split: str) -> str:
    if not len(dataset):
        return ""
    try:
        item = dataset[(0, 0)]
    except (TypeError, LookupError, NotImplementedError) as error:
        return f"its item (epoch 0, index 0) cannot be made: {type(error).__name__}: {error}"
    if not isinstance(item, (tuple, list)) or len(item) != 5:
        size = f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
        return (
            f"expected items ([clip], labels, index, time, meta), found a "
            f"{type(item).__name__}{size}"
        )
    several = clips_of_a_video(cfg) if split == "train" else 1
    problem = _problem_of_clips(item[0], several, split, facts_for(cfg, split).gives_features)
    if problem:
        return problem
    labels = item[1] if several > 1 and isinstance(item[1], list) else [item[1]]
    if several > 1 and (len(labels) not in (1, several) or len(item[3]) != several):
        return (
            f"its items have {several} clips; expected labels for all or a list of {several}, and "
            f"the times of {several}, found {_describe(item[1])} and {_describe(item[3])}"
        )
    return next(filter(None, (_problem_of_labels(each, cfg) for each in labels)), "")


def _problem_of_clips(clips: Any, several: int, split: str, features: bool) -> str:
    if split == "test":
        kind = FeatureViews if features else ClipViews
        wanted = kind.__name__
    else:
        wanted = "float tensor (P, C)" if features else "uint8 tensor (3, T, H, W)"

    def fits(clip: Any) -> bool:
        if split == "test":
            return isinstance(clip, kind)
        if not isinstance(clip, torch.Tensor):
            return False
        if features:
            return clip.is_floating_point() and clip.ndim == 2
        return clip.dtype == torch.uint8 and clip.ndim == 4 and clip.shape[0] == 3

    if isinstance(clips, (tuple, list)) and len(clips) == several and all(map(fits, clips)):
        return ""
    how_many = f"one {wanted}" if several == 1 else f"{several}, each a {wanted},"
    return f"expected a list of {how_many} first in an item, found {_describe(clips)}"


def _problem_of_labels(labels: Any, cfg) -> str:
    labels = torch.as_tensor(labels)
    if cfg.DATA.MULTI_LABEL:
        fits = labels.is_floating_point() and labels.shape == (cfg.MODEL.NUM_CLASSES,)
        wanted = f"float32 ({cfg.MODEL.NUM_CLASSES},), as DATA.MULTI_LABEL is True"
    else:
        fits = not labels.is_floating_point() and labels.ndim == 0
        wanted = "one whole number, as DATA.MULTI_LABEL is False"
    return "" if fits else f"expected labels to be {wanted}, found {_describe(labels)}"


def _describe(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {', '.join(map(_describe, value)) or 'nothing'}"
    return f"a {type(value).__name__}"
