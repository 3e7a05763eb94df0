"""Animal Kingdom in the form in which upstream's loops know a data set: an item is one view.

Upstream's own loader, or any DataLoader with torch's default_collate, can batch it. A data set
keeps the clip that it read last, so that views which are asked for one after the other, in one
worker, are decoded once. The loader of this package batches whole clips (`.clips`) instead.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch.utils.data import Dataset

from slowfast.ak.clips import dataset
from slowfast.ak.clips.bad_clips import Flaw, from_meta
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.errors import UserError

logger = logging.getLogger(__name__)

# What the network would be trained on differs under these, and nobody would notice.
_NOT_SERVED = {
    "MULTIGRID.SHORT_CYCLE": False,
    "AUG.NUM_SAMPLE": 1,
    "AUG.GEN_MASK_LOADER": False,
    "DATA.TRAIN_CROP_NUM_TEMPORAL": 1,
    "DATA.TRAIN_CROP_NUM_SPATIAL": 1,
}


def register_ak(with_time: bool) -> None:
    """Register `Ak` with the checkout, unless it has a data set of that name.

    with_time: whether a batch of the checkout's has five fields, time among them, or four.
    """
    from slowfast.datasets.build import DATASET_REGISTRY

    Ak.with_time = with_time
    if "Ak" not in DATASET_REGISTRY:
        DATASET_REGISTRY.register(Ak)
    elif DATASET_REGISTRY.get("Ak") is not Ak:
        logger.warning(
            "This checkout has a data set Ak of its own, which stays as it is and is read by this "
            "checkout's loader. Rename it to have that of slowfast.ak."
        )


def is_ak(dataset_name: str) -> bool:
    """Whether `Ak`, or a class made from it, is registered under a name of a configuration."""
    from slowfast.datasets.build import DATASET_REGISTRY

    name = dataset_name.capitalize()
    found = DATASET_REGISTRY.get(name) if name in DATASET_REGISTRY else None
    return isinstance(found, type) and issubclass(found, Ak)


class Ak(Dataset):
    """Items `(inputs, labels, index, time, {})`, or without time; in a test clips x views of them.

    inputs: float32 (3, T, H, W) for each pathway, slow first, normalised.
    labels: (num_classes,) float32, 0 or 1; or the class, an int64 scalar. -1 in validation and test
        for a clip that cannot be read: it is black, and not to be counted.
    index: of the clip; in a test of the view, clip = index // views.
    time: float32 (T,), numbers of the frames shown.

    Attributes:
        clips: the same as whole clips, `slowfast.ak.clips.dataset.ClipDataset`.
        num_views: of each clip; 1 but in a test.

    Raises UserError for keys whose values are not served.
    """

    with_time = True

    def __init__(self, cfg, split: str) -> None:
        _check_served(cfg, split)
        self.clips = dataset.Ak(cfg, split)
        self.num_views = self.clips.num_views
        self.with_time = type(self).with_time  # the class of a spawned worker has not been told
        self._to_input = InputTransform.from_cfg(cfg)
        self._held: tuple[int, dataset.Item] | None = None
        self._told: set[Flaw] = set()

    def __len__(self) -> int:
        return self.clips.num_videos

    @property
    def num_videos(self) -> int:
        """Clips times views."""
        return len(self)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Raises BadClip where neither a training clip nor others in its place can be read."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        clip, view = divmod(index, self.num_views)
        (shown,), labels, clip, time, meta = self._clip(clip)
        flaws = from_meta(meta)
        for flaw in [flaw for flaw in flaws if flaw not in self._told]:
            self._told.add(flaw)
            logger.warning(flaw.in_words())
        if any(flaw.kind == "missing" for flaw in flaws):
            labels = torch.full_like(labels, -1)
        if isinstance(shown, ClipViews):
            time = time[view // len(shown.corners)]
            pixels = shown.batch(view, view + 1)
        else:
            pixels = shown[None]
        inputs = [pathway[0] for pathway in self._to_input(pixels)]
        ends = (time, {}) if self.with_time else ({},)
        return inputs, labels, clip * self.num_views + view, *ends

    def _clip(self, clip: int) -> dataset.Item:
        """The item of a whole clip; one that has several views is kept for the next of them."""
        if self.num_views == 1:
            return self.clips[clip]
        if self._held is None or self._held[0] != clip:
            self._held = None  # so that two are never in memory
            self._held = clip, self.clips[clip]
        return self._held[1]


def _check_served(cfg, split: str) -> None:
    for key, served in _NOT_SERVED.items():
        group, name = key.split(".")
        found = cfg.get(group, {}).get(name, served)
        if found != served:
            raise UserError(f"{key}: found {found}; the data set ak takes {served} alone.")
    views, crops = cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS
    if split == "test" and min(views, crops) < 1:
        raise UserError(
            f"TEST.NUM_ENSEMBLE_VIEWS, TEST.NUM_SPATIAL_CROPS: found {views} and {crops}; expected "
            "numbers from 1 on. -1 views stand for several tests, for which this checkout's test "
            "program has to build a loader each; give one number, and test once for each."
        )
