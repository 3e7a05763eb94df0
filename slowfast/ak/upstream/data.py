"""The data set Animal Kingdom as upstream's loops expect it: one item is one view of a clip.

Upstream's own loader, or any DataLoader with torch's default_collate, can batch the items. The data
set keeps the last clip that it read, so that a worker that asks for its views in order decodes it
once. `slowfast.ak.upstream.loader` reads whole clips (`Ak.clips`) instead.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch.utils.data import Dataset

from slowfast.ak.clips import animal_kingdom
from slowfast.ak.clips.bad_clips import ClipProblem, from_meta
from slowfast.ak.clips.dataset import Item
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import DATASETS

logger = logging.getLogger(__name__)

# Keys that upstream reads in its data sets and that `Ak` serves with one value only.
_NOT_SERVED = {
    "MULTIGRID.SHORT_CYCLE": False,
    "AUG.NUM_SAMPLE": 1,
    "AUG.GEN_MASK_LOADER": False,
    "DATA.TRAIN_CROP_NUM_TEMPORAL": 1,
    "DATA.TRAIN_CROP_NUM_SPATIAL": 1,
}


# How upstream's own data sets write their lists, in which the clips of each class are counted.
_UPSTREAM_LISTS = {
    "Charades": {"list_format": "header"},
    "Kinetics": {"list_format": "pairs", "has_test_list": True, "always_rgb": True},
}


def register_ak(with_time: bool) -> None:
    """Registers `Ak` with the checkout, unless the checkout has a data set of that name.

    Args:
        with_time: whether a batch of the checkout has five fields, with time, or four.
    """
    from slowfast.datasets.build import DATASET_REGISTRY

    for name, facts in _UPSTREAM_LISTS.items():
        if name not in DATASETS:
            DATASETS.register(name, **facts)(None)
    Ak.with_time = with_time
    if "Ak" not in DATASET_REGISTRY:
        DATASET_REGISTRY.register(Ak)
    elif DATASET_REGISTRY.get("Ak") is not Ak:
        logger.warning(
            "This checkout has its own data set Ak, which is used and which the checkout's loader "
            "reads. Rename it to use the one of slowfast.ak."
        )


def is_ak(dataset_name: str) -> bool:
    """Returns whether a name in a configuration stands for `Ak` or a class derived from it."""
    from slowfast.datasets.build import DATASET_REGISTRY

    name = dataset_name.capitalize()
    found = DATASET_REGISTRY.get(name) if name in DATASET_REGISTRY else None
    return isinstance(found, type) and issubclass(found, Ak)


class Ak(Dataset):
    """Items `(inputs, labels, index, time, {})`, or the same without time; one item is one view.

    Fields of an item:
        inputs: normalised float32 tensors (3, T, H, W), one a pathway, slow first.
        labels: float32 (num_classes,) of 0 and 1; or the class, an int64 scalar. A clip that
            cannot be read has labels -1 and black frames in validation and test.
        index: number of the clip; in a test, number of the view: clip = index // num_views.
        time: float32 (T,), the numbers of the frames.

    Attributes:
        clips: the data set of whole clips.
        num_views: views of a clip; 1 except in a test.

    Raises:
        UserError: a key has a value that this data set does not serve.
    """

    with_time = True

    def __init__(self, cfg, split: str) -> None:
        _check_served(cfg, split)
        self.clips = animal_kingdom.Ak(cfg, split)
        self.num_views = self.clips.num_views
        self.with_time = type(self).with_time  # in a spawned worker the class has the default
        self._to_input = InputTransform.from_cfg(cfg)
        self._held: tuple[int, Item] | None = None
        self._logged: set[ClipProblem] = set()

    def __len__(self) -> int:
        return self.clips.num_videos

    @property
    def num_videos(self) -> int:
        """The number of clips times the number of views."""
        return len(self)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Returns an item. Raises BadClip if a training clip and its substitutes are unreadable."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        clip, view = divmod(index, self.num_views)
        (shown,), labels, clip, time, meta = self._clip(clip)
        problems = from_meta(meta)
        for problem in [problem for problem in problems if problem not in self._logged]:
            self._logged.add(problem)
            logger.warning(problem.message())
        if any(problem.kind == "missing" for problem in problems):
            labels = torch.full_like(labels, -1)
        if isinstance(shown, ClipViews):
            time = time[view // len(shown.corners)]
            pixels = shown.batch(view, view + 1)
        else:
            pixels = shown[None]
        inputs = [pathway[0] for pathway in self._to_input(pixels)]
        ends = (time, {}) if self.with_time else ({},)
        return inputs, labels, clip * self.num_views + view, *ends

    def _clip(self, clip: int) -> Item:
        """Returns the item of a whole clip; a clip with several views is kept for the next view."""
        if self.num_views == 1:
            return self.clips[clip]
        if self._held is None or self._held[0] != clip:
            self._held = None  # so that memory never holds two clips
            self._held = clip, self.clips[clip]
        return self._held[1]


def _check_served(cfg, split: str) -> None:
    for key, served in _NOT_SERVED.items():
        group, name = key.split(".")
        found = cfg.get(group, {}).get(name, served)
        if found != served:
            raise UserError(f"{key}: found {found}; the data set ak only takes {served}.")
    views, crops = cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS
    if split == "test" and min(views, crops) < 1:
        raise UserError(
            f"TEST.NUM_ENSEMBLE_VIEWS, TEST.NUM_SPATIAL_CROPS: found {views} and {crops}, expected "
            "numbers of at least 1. -1 stands for several tests, and this checkout's test program "
            "would have to build a loader for each; set one number, and run one test for each."
        )
