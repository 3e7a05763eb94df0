"""The data set of clips: reads a clip's frames, scales and crops them, and adds its labels.

Training, validation and test differ only in the frame sampler and the transform of pixels. A test
item is a clip with all its views, so its frames are decoded and scaled once. A training item can
show several windows of its video, with several crops of each (repeated augmentation: Hoffer et al.,
"Augment your batch", CVPR 2020); their frames are decoded in one pass. Everything random about an
item comes from a generator made from (seed, epoch, index): an item is the same in any worker and
after a resume.

A clip that cannot be read does not stop a run. In training another clip replaces it. In validation
and test as much of it as possible is read, or its item is black and does not count. The item's meta
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from slowfast.ak.clips.augmentation import Augmented
from slowfast.ak.clips.bad_clips import ClipProblem, TimeIsUp, TimeLimit, to_meta
from slowfast.ak.clips.sampling import ClipSize, FrameSampler, SquareCrop
from slowfast.ak.clips.views import ClipViews, UniformCrops
from slowfast.ak.errors import BadClip
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.lists.clip_list import ClipList, NumClasses

# The number of clips that are tried for one training item, the drawn clip included.
ATTEMPTS = 5

Key = tuple[int, int] | tuple[int, int, int] | tuple[int, int, int, ClipSize]
Frames = Callable[[int, Sequence[int]], Iterable[np.ndarray]]
Labels = Tensor | dict[str, Tensor]
Item = tuple[list[Tensor | ClipViews], Labels | list[Labels], int, Tensor, dict[str, Any]]


class ClipDataset(Dataset):
    """Items `([clip], labels, index, time, meta)`, one for each clip of a list.

    clip: uint8 (3, T, H, W) RGB, or `ClipViews` if the transform is `UniformCrops`. It becomes
        floats and pathways on the device (`slowfast.ak.clips.network_input`).
    labels: float32 (num_classes,), 0 or 1; int64 scalar, the class, if not `multi_label`. For a
        list with label columns, a dict with the class of each column, an int64 scalar, by its name.
    index: the index of the clip that is shown.
    time: float32 (T,) numbers of the frames shown; (windows, T) for a test clip.
    meta: what could not be read (`slowfast.ak.clips.bad_clips`).

    With `windows` x `crops` above 1 an item is `([clip, clip, ...], [labels, ...], index, time,
    meta)`: all clips of the first window, then of the next; labels for each clip; time (clips, T).
    `separated` makes an item for each clip of it.

    The key of an item is (epoch, index), or (epoch, index, repeat) if an epoch draws the clip more
    than once: repeat is 1 for the second draw. A key (epoch, index, repeat, size) asks for clips of
    a size of its own, which `resized` samplers and transforms make. With a plain index, the epoch
    is drawn from torch's global generator.

    Args:
        num_classes: the number of classes; with label columns, of each column by its name.
        clip_label: which class an item has if not `multi_label` and the frames of its clip have
            different classes: ``majority``, the class of most frames, or ``centre``, the class of
            the frame in the middle.
        span_labels: whether an item has only the labels of the frames between its first and its
            last frame; if not `multi_label` and none of them has a label, the class of the clip.
            Otherwise it has the labels of the whole clip.
        replace_bad: whether another clip replaces one that cannot be read; (seed, epoch, index,
            repeat, attempt) chooses it. Otherwise the frames that can be read are used; without
            any, the item is black and its problem is `missing`.
        fps: frames a second that windows count in videos, whatever the rate of a video. 0: windows
            count the frames of each clip.
        windows: how often `frame_sampler` draws for an item.
        crops: the number of clips that the transform makes of each drawn window.
        read_timeout: the seconds in which a clip has to be read. A clip that takes longer counts as
            unreadable from then on. 0: no limit.

    Raises:
        UserError: not `multi_label`, and a clip has no label, or several for the same frames.
    """

    def __init__(
        self,
        clips: ClipList,
        reader: FrameReader,
        frame_sampler: FrameSampler,
        transform: SquareCrop | Augmented | UniformCrops,
        *,
        num_classes: NumClasses,
        multi_label: bool = True,
        clip_label: str = "majority",
        span_labels: bool = False,
        seed: int = 0,
        replace_bad: bool = False,
        fps: float = 0,
        windows: int = 1,
        crops: int = 1,
        read_timeout: float = 0,
    ):
        self.clips, self.reader = clips, reader
        self.frame_sampler, self.transform = frame_sampler, transform
        self.num_classes, self.multi_label = num_classes, multi_label
        self.clip_label, self.span_labels, self.seed = clip_label, span_labels, seed
        self.fps, self.windows, self.crops = fps, windows, crops
        self.replace_bad, self._limit = replace_bad, TimeLimit(read_timeout)
        self._timed_out: dict[int, str] = {}  # clips that timed out are not read again
        self._by_size: dict[ClipSize, tuple[FrameSampler, SquareCrop | Augmented]] = {}
        if not multi_label and not clips.columns:
            clips.check_one_label()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def num_views(self) -> int:
        """The number of views of a clip: windows times crops in a test, else 1."""
        if isinstance(self.transform, UniformCrops):
            return self.frame_sampler.count * self.transform.count
        return 1

    @property
    def clips_of_an_item(self) -> int:
        """The number of clips of an item; a test clip with its views is one."""
        return self.windows * self.crops

    @property
    def num_videos(self) -> int:
        """Clips times views, which upstream calls the number of videos."""
        return len(self) * self.num_views

    def clip_name(self, index: int) -> str:
        """The name of a clip in the list."""
        return self.clips.name(index)

    def repeats(self) -> np.ndarray:
        """(clips,) int64: how often an epoch of training draws each clip, as the list has it."""
        return self.clips.repeats()

    def get_seq_frames(self, index: int) -> list[int]:
        """The numbers of the frames that a view shows; for scripts written for upstream.

        Args:
            index: the number of the view, below `num_videos`. In training and validation it is the
                number of the clip, and each call draws another window.
        """
        clip, view = divmod(index, self.num_views)
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        windows = self.frame_sampler.draw(rng, self.reader.num_frames(clip), self._step(clip))
        return windows[view * len(windows) // self.num_views].tolist()

    def label_matrix(self) -> np.ndarray:
        """(clips, classes) float32: 1 if any frame of the clip has the class.

        With label columns, the classes of all columns side by side.
        """
        return self.clips.multi_hot(self.num_classes)

    def __getitem__(self, key: int | Key) -> Item:
        """The item of a key.

        Raises:
            BadClip: neither a training clip nor ATTEMPTS - 1 replacements can be read. The message
                has the clip and the path.
        """
        if not isinstance(key, tuple):
            key = (int(torch.randint(2**31, ())), key)
        epoch, index, repeat, size = (*key, *(0, None)[len(key) - 2 :])
        rng = self._generator(epoch, index, *([repeat] if repeat else []))
        if self.replace_bad:
            return self._read_or_replace(epoch, index, repeat, size, rng)
        try:
            return self._read(index, rng, size, self.reader.frames_with_replacements)
        except BadClip as error:
            problem = ClipProblem("missing", index, str(error))
            return self._make_item(index, rng, size, _black_frames, 1, [problem])

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, *key]))

    def _read_or_replace(
        self, epoch: int, drawn: int, repeat: int, size: ClipSize | None, rng: np.random.Generator
    ) -> Item:
        """The item of a key, or of a clip that replaces its clip."""
        index, problems = drawn, []
        for attempt in range(1, min(ATTEMPTS, len(self)) + 1):
            try:
                return self._read(index, rng, size, self.reader.frames, problems)
            except BadClip as error:
                problems.append(ClipProblem("bad", index, str(error)))
                rng = self._generator(epoch, drawn, repeat, attempt)
                untried = set(range(len(self))).difference(each.clip for each in problems)
                index = int(rng.choice(sorted(untried))) if untried else drawn
        others = f" {len(problems) - 1} other clips were tried." if len(problems) > 1 else ""
        raise BadClip(f"{problems[0].reason}{others}")

    def _read(
        self,
        index: int,
        rng: np.random.Generator,
        size: ClipSize | None,
        frames: Frames,
        problems: Sequence[ClipProblem] = (),
    ) -> Item:
        """The item of a clip, made within the time limit. Raises BadClip."""
        if index in self._timed_out:
            raise BadClip(self._timed_out[index])
        try:
            return self._limit.call(self._make_item, index, rng, size, frames, None, problems)
        except TimeIsUp:
            # The old call can continue beside later calls, so it keeps its own reader.
            self.reader = copy(self.reader)
            self._timed_out[index] = (
                f"{self.reader.place(index)}: clip {self.clip_name(index)} was not read within "
                f"{self._limit.seconds:g} seconds (DATA.READ_TIMEOUT). Check whether its disk or "
                "file server answers."
            )
            raise BadClip(self._timed_out[index]) from None

    def _make_item(
        self,
        index: int,
        rng: np.random.Generator,
        size: ClipSize | None,
        frames: Frames,
        length: int | None,
        problems: Sequence[ClipProblem],
    ) -> Item:
        """The item of a clip.

        Args:
            frames: gives the frames of the clip.
            length: the number of frames of the clip; None: the reader knows it.
        """
        frame_sampler, transform = self._parts_for(size)
        counted = (length, 1.0) if length else (self.reader.num_frames(index), self._step(index))
        drawn = [frame_sampler.draw(rng, *counted) for _ in range(self.windows)]
        windows = np.repeat(np.concatenate(drawn), self.crops, axis=0)
        distinct, rows = np.unique(windows, return_inverse=True)
        clips = transform(frames(index, distinct.tolist()), rows.reshape(windows.shape), rng)
        if problem := self.reader.problems.pop(index, ""):
            problems = [*problems, ClipProblem("incomplete", index, problem)]
        time, meta = torch.from_numpy(windows).float(), to_meta(problems)
        if isinstance(clips, ClipViews):
            return [clips], self._labels(index, windows), index, time, meta
        labels = [self._labels(index, window) for window in windows]
        if len(clips) == 1:
            return clips, labels[0], index, time[0], meta
        return clips, labels, index, time, meta

    def _step(self, clip: int) -> float:
        """Frames of the clip for one frame that a window counts."""
        rate = self.reader.rate(clip) if self.fps else 0
        return rate / self.fps if rate else 1.0

    def _parts_for(
        self, size: ClipSize | None
    ) -> tuple[FrameSampler, SquareCrop | Augmented | UniformCrops]:
        """The frame sampler and the transform for clips of a size; None: as they were given."""
        if size is None:
            return self.frame_sampler, self.transform
        if size not in self._by_size:
            resized = self.frame_sampler.resized(size), self.transform.resized(size.side)
            self._by_size[size] = resized
        return self._by_size[size]

    def _labels(self, clip: int, windows: np.ndarray) -> Labels:
        """The labels of a clip or, with `span_labels`, of the frames that windows span."""
        span = (int(windows.min()), int(windows.max())) if self.span_labels else ()
        if columns := self.clips.columns:
            return dict(zip(columns, map(torch.tensor, self.clips.labels(clip)), strict=True))
        if not self.multi_label:
            return torch.tensor(self.clips.one_label(clip, self.clip_label, *span))
        hot = torch.zeros(self.num_classes)
        hot[self.clips.labels(clip, *span)] = 1
        return hot


def separated(item: Item) -> Iterator[Item]:
    """Yields an item for each clip of an item; an item with one clip as it is."""
    clips, labels, index, time, meta = item
    if len(clips) == 1:
        yield item
        return
    for number, clip in enumerate(clips):
        own = labels[number] if isinstance(labels, list) else labels
        yield [clip], own, index, time[number], meta


def _black_frames(clip: int, indices: Sequence[int]) -> Iterable[np.ndarray]:
    return (np.zeros((8, 8, 4), np.uint8) for _ in indices)
