"""Data sets: clips, a reader, a sampler of frames and a transform of pixels.

Training, validation and test differ in sampler and transform alone. A test item is a clip with all
its views, so that its frames are decoded and scaled once. All that is random about an item comes
from a generator made from (seed, epoch, index): it is the same whatever worker makes it, and after
a resume.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from slowfast.ak.augment import Augmented
from slowfast.ak.clip_list import ClipList
from slowfast.ak.errors import UserError
from slowfast.ak.holdout import read_holdout
from slowfast.ak.readers import Reader, open_reader
from slowfast.ak.samplers import Key
from slowfast.ak.sampling import EvenWindows, RandomWindow
from slowfast.ak.transforms import CentreCrop, RandomCrop, SquareCrop
from slowfast.ak.views import ClipViews, UniformCrops

# The validation list serves as the test set, as in Charades and Animal Kingdom.
LISTS = {"train": "train.csv", "val": "val.csv", "test": "val.csv"}

Item = tuple[list[Tensor | ClipViews], Tensor, int, Tensor, dict[str, Any]]


class ClipDataset(Dataset):
    """Items `([clip], labels, index, time, meta)`, one a clip of the list.

    clip: uint8 (3, T, H, W) RGB, or `ClipViews` where the transform is `UniformCrops`. It becomes
        floats, and pathways, on the device (`slowfast.ak.pixels`).
    labels: (num_classes,) float32, 0 or 1; with `multi_label` False the class, an int64 scalar.
    time: float32 numbers of the frames shown, (T,), or (windows, T) of a test clip. meta: empty.

    The key is (epoch, index), or (epoch, index, again) for a clip that came `again` times before in
    that epoch; with a plain index the epoch is drawn from torch's global generator.
    With `span_labels` a multi-label item has the labels of the frames between its first and last,
    else it has all of the clip's.
    """

    def __init__(
        self,
        clips: ClipList,
        reader: Reader,
        sampler: RandomWindow | EvenWindows,
        transform: SquareCrop | Augmented | UniformCrops,
        *,
        num_classes: int,
        multi_label: bool = True,
        span_labels: bool = False,
        seed: int = 0,
    ):
        self.clips, self.reader = clips, reader
        self.sampler, self.transform = sampler, transform
        self.num_classes, self.multi_label = num_classes, multi_label
        # The one class of a clip holds for all of it, though some frames may carry no label.
        self.span_labels, self.seed = span_labels and multi_label, seed
        if not multi_label:
            self._check_single_labels()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def num_views(self) -> int:
        """Views of a clip: windows times crops in a test, else 1."""
        if isinstance(self.transform, UniformCrops):
            return self.sampler.count * self.transform.count
        return 1

    @property
    def num_videos(self) -> int:
        """Clips times views, which is what upstream calls the number of videos."""
        return len(self) * self.num_views

    def clip_name(self, index: int) -> str:
        """The name that the list gives a clip."""
        return self.clips.name(index)

    def label_matrix(self) -> np.ndarray:
        """(clips, classes) float32: 1 where a clip carries a class, all of its frames taken."""
        return self.clips.multi_hot(self.num_classes)

    def __getitem__(self, key: int | Key) -> Item:
        """Raises UserError, with clip and path, where the clip cannot be decoded."""
        if not isinstance(key, tuple):
            key = (int(torch.randint(2**31, ())), key)
        index = key[1]
        rng = np.random.Generator(np.random.PCG64([self.seed, *key]))
        windows = self.sampler.draw(rng, self.reader.num_frames(index))
        distinct, rows = np.unique(windows, return_inverse=True)
        frames = self.reader.frames(index, distinct.tolist())
        clip = self.transform(frames, rows.reshape(windows.shape), rng)
        time = torch.from_numpy(windows).float()
        span = (int(distinct[0]), int(distinct[-1])) if self.span_labels else ()
        return (
            [clip],
            self._labels(self.clips.labels(index, *span)),
            index,
            time if isinstance(clip, ClipViews) else time[0],
            {},
        )

    def _labels(self, labels: list[int]) -> Tensor:
        if not self.multi_label:
            return torch.tensor(labels[0])
        hot = torch.zeros(self.num_classes)
        hot[labels] = 1
        return hot

    def _check_single_labels(self) -> None:
        for clip in range(len(self.clips)):
            labels = self.clips.labels(clip)
            if len(labels) != 1:
                raise UserError(
                    f"{self.clips.path}:{self.clips.line(clip)}: clip {self.clips.name(clip)} has "
                    f"{len(labels)} labels; with DATA.MULTI_LABEL False each clip has one. Set it "
                    "True, or correct the list."
                )


class Ak(ClipDataset):
    """Animal Kingdom, or any set in its layout: frames from images or videos, as AK.FRAMES says.

    Validation during training is the same each time: centre window, centre crop.
    """

    def __init__(self, cfg, split: str):
        super().__init__(**parts_from_cfg(cfg, split, cfg.AK.FRAMES, random_validation=False))


def read_clips(cfg, split: str) -> ClipList:
    """The clips of split train, val or test.

    With AK.HOLDOUT both train and val are parts of the training list. Raises UserError as
    `ClipList.read` and `slowfast.ak.holdout.read_holdout` do.
    """

    def read(split: str) -> ClipList:
        return ClipList.read(Path(cfg.DATA.PATH_TO_DATA_DIR, LISTS[split]), cfg.MODEL.NUM_CLASSES)

    if not cfg.AK.HOLDOUT or split == "test":
        return read(split)
    clips = read("train")
    held_out = read_holdout(cfg.AK.HOLDOUT, clips)
    return clips.select(held_out if split == "val" else ~held_out)


def video_folder(cfg) -> str:
    """Where videos lie: AK.VIDEO_PREFIX, or `video` beside the folder of the images."""
    return cfg.AK.VIDEO_PREFIX or str(Path(cfg.DATA.PATH_PREFIX).parent / "video")


def parts_from_cfg(cfg, split: str, frames: str, random_validation: bool) -> dict[str, Any]:
    """Arguments of `ClipDataset` for split train, val or test; its files are known to be there.

    frames: image, video or auto. random_validation: validate on a random window and crop, as
    upstream's Charades does.
    """
    data, test = cfg.DATA, cfg.TEST
    clips = read_clips(cfg, split)
    window = {"num_frames": data.NUM_FRAMES, "rate": data.SAMPLING_RATE}
    if split == "test":
        sampler = EvenWindows(**window, count=test.NUM_ENSEMBLE_VIEWS)
        transform = UniformCrops(data.TEST_CROP_SIZE, test.NUM_SPATIAL_CROPS)
    elif split == "train" or random_validation:
        sampler = RandomWindow(**window)
        transform = RandomCrop(
            scales=tuple(data.TRAIN_JITTER_SCALES),
            side=data.TRAIN_CROP_SIZE,
            inverse_uniform=data.INV_UNIFORM_SAMPLE,
            flip=data.RANDOM_FLIP,
        )
        if cfg.AUG.ENABLE and split == "train":
            transform = Augmented.from_cfg(cfg, transform)
    else:
        sampler = EvenWindows(**window)
        transform = CentreCrop(data.TEST_CROP_SIZE, data.TRAIN_CROP_SIZE)
    return {
        "clips": clips,
        "reader": open_reader(clips, frames, data.PATH_PREFIX, video_folder(cfg)),
        "sampler": sampler,
        "transform": transform,
        "num_classes": cfg.MODEL.NUM_CLASSES,
        "multi_label": data.MULTI_LABEL,
        "span_labels": split == "train",
        "seed": cfg.RNG_SEED,
    }
