"""Data sets: clips, a reader, a sampler of frames and a transform of pixels.

Training, validation and test differ in sampler and transform alone. A test item is a clip with all
its views, so that its frames are decoded and scaled once. All that is random about an item comes
from a generator made from (seed, epoch, index): it is the same whatever worker makes it, and after
a resume.

A clip that cannot be read stops neither. In training another one takes its place; in validation and
test it is read as far as it goes, or its item is black and to be left out. The item's meta tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from slowfast.ak.clips.augmentation import Augmented
from slowfast.ak.clips.bad_clips import Flaw, most_tolerated, to_meta
from slowfast.ak.clips.crops import CentreCrop, RandomCrop, SquareCrop
from slowfast.ak.clips.order import Key
from slowfast.ak.clips.views import ClipViews, UniformCrops
from slowfast.ak.clips.windows import Sampler, even_sampler, random_sampler
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.open_reader import Decoding, Reader, open_reader
from slowfast.ak.lists.clip_list import ClipList, find_list
from slowfast.ak.lists.holdout import read_holdout
from slowfast.ak.paths import beside, join
from slowfast.ak.run.time_limit import TimeIsUp, TimeLimit

# The validation list serves as the test set, as in Charades and Animal Kingdom; not in Kinetics.
LISTS = {"train": "train.csv", "val": "val.csv", "test": "val.csv"}

# Clips that are tried, one in another's place, before a draw of training is given up.
ATTEMPTS = 5

Frames = Callable[[int, Sequence[int]], Iterable[np.ndarray]]
Item = tuple[list[Tensor | ClipViews], Tensor, int, Tensor, dict[str, Any]]


class ClipDataset(Dataset):
    """Items `([clip], labels, index, time, meta)`, one a clip of the list.

    clip: uint8 (3, T, H, W) RGB, or `ClipViews` where the transform is `UniformCrops`. It becomes
        floats, and pathways, on the device (`slowfast.ak.clips.network_input`).
    labels: (num_classes,) float32, 0 or 1; with `multi_label` False the class, an int64 scalar.
    time: float32 numbers of the frames shown, (T,), or (windows, T) of a test clip.
    index: of the clip that is shown. meta: what could not be read (`slowfast.ak.clips.bad_clips`).

    The key is (epoch, index), or (epoch, index, again) for a clip that came `again` times before in
    that epoch; with a plain index the epoch is drawn from torch's global generator.
    With `span_labels` a multi-label item has the labels of the frames between its first and last,
    else it has all of the clip's.
    With `replace_bad` a clip that cannot be read has another in its place, never itself, which
    (seed, epoch, index, again, attempt) decides; without it, what can be read of it is used, and
    where that is nothing the item is black, its flaw `missing`. A clip that takes longer to read
    than `read_timeout` seconds is one that cannot be, from then on; 0: it may take as long as it
    likes.
    """

    def __init__(
        self,
        clips: ClipList,
        reader: Reader,
        sampler: Sampler,
        transform: SquareCrop | Augmented | UniformCrops,
        *,
        num_classes: int,
        multi_label: bool = True,
        span_labels: bool = False,
        seed: int = 0,
        replace_bad: bool = False,
        read_timeout: float = 0,
    ):
        self.clips, self.reader = clips, reader
        self.sampler, self.transform = sampler, transform
        self.num_classes, self.multi_label = num_classes, multi_label
        # The one class of a clip holds for all of it, though some frames may carry no label.
        self.span_labels, self.seed = span_labels and multi_label, seed
        self.replace_bad, self._limit = replace_bad, TimeLimit(read_timeout)
        self._silent: dict[int, str] = {}  # clips that did not answer: not waited for twice
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
        """Raises BadClip, with clip and path, where neither a clip nor ATTEMPTS - 1 others in its
        place can be read."""
        if not isinstance(key, tuple):
            key = (int(torch.randint(2**31, ())), key)
        rng = self._generator(*key)
        if self.replace_bad:
            return self._replacing(key, rng)
        try:
            return self._read(key[1], rng, self.reader.salvage)
        except BadClip as error:
            return self._make(key[1], rng, _black, 1, [Flaw("missing", key[1], str(error))])

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, *key]))

    def _replacing(self, key: Key, rng: np.random.Generator) -> Item:
        """The item of a key, or of a clip in its place."""
        epoch, drawn, again = (*key, 0)[:3]
        index, flaws = drawn, []
        for attempt in range(1, min(ATTEMPTS, len(self)) + 1):
            try:
                return self._read(index, rng, self.reader.frames, flaws)
            except BadClip as error:
                flaws.append(Flaw("bad", index, str(error)))
                rng = self._generator(epoch, drawn, again, attempt)
                untried = set(range(len(self))).difference(flaw.clip for flaw in flaws)
                index = int(rng.choice(sorted(untried))) if untried else drawn
        others = f" Nor can {len(flaws) - 1} clips in its place." if len(flaws) > 1 else ""
        raise BadClip(f"{flaws[0].reason}{others}")

    def _read(
        self, index: int, rng: np.random.Generator, frames: Frames, flaws: Sequence[Flaw] = ()
    ) -> Item:
        """The item of a clip, in the time there is for it; raises BadClip."""
        if index in self._silent:
            raise BadClip(self._silent[index])
        try:
            return self._limit.call(self._make, index, rng, frames, None, flaws)
        except TimeIsUp:
            # The call may come back to life beside later ones: it keeps the reader that it has.
            self.reader = copy(self.reader)
            self._silent[index] = (
                f"{self.reader.place(index)}: clip {self.clip_name(index)} was not read within "
                f"{self._limit.seconds:g} seconds (DATA.READ_TIMEOUT). See whether its disk or "
                "file server answers."
            )
            raise BadClip(self._silent[index]) from None

    def _make(
        self,
        index: int,
        rng: np.random.Generator,
        frames: Frames,
        length: int | None,
        flaws: Sequence[Flaw],
    ) -> Item:
        """The item of a clip whose frames come from a function; length: their number, if known."""
        windows = self.sampler.draw(rng, length or self.reader.num_frames(index))
        distinct, rows = np.unique(windows, return_inverse=True)
        clip = self.transform(frames(index, distinct.tolist()), rows.reshape(windows.shape), rng)
        if amiss := self.reader.amiss.pop(index, ""):
            flaws = [*flaws, Flaw("incomplete", index, amiss)]
        time = torch.from_numpy(windows).float()
        span = (int(distinct[0]), int(distinct[-1])) if self.span_labels else ()
        return (
            [clip],
            self._labels(self.clips.labels(index, *span)),
            index,
            time if isinstance(clip, ClipViews) else time[0],
            to_meta(flaws),
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


def _black(clip: int, indices: Sequence[int]) -> Iterable[np.ndarray]:
    return (np.zeros((8, 8, 4), np.uint8) for _ in indices)


class Ak(ClipDataset):
    """Animal Kingdom, or any set in its layout: frames from images or videos, as AK.FRAMES says.

    Validation during training is the same each time: centre window, centre crop.
    """

    def __init__(self, cfg, split: str):
        super().__init__(**parts_from_cfg(cfg, split, cfg.AK.FRAMES, random_validation=False))


def read_clips(cfg, split: str) -> ClipList:
    """The clips of split train, val or test.

    With AK.HOLDOUT both train and val are parts of the training list. Raises UserError as
    `ClipList.read` and `slowfast.ak.lists.holdout.read_holdout` do.
    """

    def read(split: str) -> ClipList:
        path, classes = _list_path(cfg, split), cfg.MODEL.NUM_CLASSES
        if _dataset(cfg, split) == "kinetics":
            return ClipList.read_pairs(path, cfg.DATA.PATH_LABEL_SEPARATOR, classes)
        return ClipList.read(path, classes)

    if not cfg.AK.HOLDOUT or split == "test":
        return read(split)
    clips = read("train")
    held_out = read_holdout(cfg.AK.HOLDOUT, clips)
    return clips.select(held_out if split == "val" else ~held_out)


def has_list(cfg, split: str) -> bool:
    """Whether the list of split train, val or test is there, packed or not."""
    return find_list(_list_path(cfg, split)) is not None


def video_folder(cfg) -> str:
    """Where videos lie: AK.VIDEO_PREFIX, or `video` beside the folder of the images."""
    return cfg.AK.VIDEO_PREFIX or beside(cfg.DATA.PATH_PREFIX, "video")


def _list_path(cfg, split: str) -> str:
    name = f"{split}.csv" if _dataset(cfg, split) == "kinetics" else LISTS[split]
    return join(cfg.DATA.PATH_TO_DATA_DIR, name)


def _dataset(cfg, split: str) -> str:
    return (cfg.TEST if split == "test" else cfg.TRAIN).DATASET.lower()


def parts_from_cfg(
    cfg,
    split: str,
    frames: str,
    random_validation: bool,
    videos: str | None = None,
    fps: float = 0,
) -> dict[str, Any]:
    """Arguments of `ClipDataset` for split train, val or test; missing files are warned of.

    Raises UserError where more clips lack files than DATA.MAX_BAD_FRACTION tolerates; in a test,
    where all do.

    frames: image, video or auto. random_validation: validate on random frames and a random crop, as
    upstream's Charades does. videos: the folder they lie in; None: that of `video_folder`.
    fps: the rate at which a video's frames are counted; 0: its own.
    """
    data, test = cfg.DATA, cfg.TEST
    clips = read_clips(cfg, split)
    seen = (data.SAMPLING, data.NUM_FRAMES, data.SAMPLING_RATE)
    if split == "test":
        sampler = even_sampler(*seen, count=test.NUM_ENSEMBLE_VIEWS)
        transform = UniformCrops(data.TEST_CROP_SIZE, test.NUM_SPATIAL_CROPS)
    elif split == "train" or random_validation:
        sampler = random_sampler(*seen)
        transform = RandomCrop(
            scales=tuple(data.TRAIN_JITTER_SCALES),
            side=data.TRAIN_CROP_SIZE,
            inverse_uniform=data.INV_UNIFORM_SAMPLE,
            flip=data.RANDOM_FLIP,
        )
        if cfg.AUG.ENABLE and split == "train":
            transform = Augmented.from_cfg(cfg, transform)
    else:
        sampler = even_sampler(*seen)
        transform = CentreCrop(data.TEST_CROP_SIZE, data.TRAIN_CROP_SIZE)
    folders = data.PATH_PREFIX, video_folder(cfg) if videos is None else videos
    reader = open_reader(clips, frames, *folders, Decoding.from_cfg(cfg, fps))
    if split == "test":
        reader.check(most_tolerated(len(clips), 1), "a test")
    else:
        reader.check(most_tolerated(len(clips), data.MAX_BAD_FRACTION))
    return {
        "clips": clips,
        "reader": reader,
        "sampler": sampler,
        "transform": transform,
        "num_classes": cfg.MODEL.NUM_CLASSES,
        "multi_label": data.MULTI_LABEL,
        "span_labels": split == "train",
        "seed": cfg.RNG_SEED,
        "replace_bad": split == "train",
        "read_timeout": data.READ_TIMEOUT,
    }
