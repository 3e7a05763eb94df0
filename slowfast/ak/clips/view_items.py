"""Single views of clips as the input of a network, for scripts and for upstream's loops.

The loaders of this tree read whole clips, as pixels. A loop that calls the network itself wants one
view an item, normalised, as upstream's data sets give it. Any DataLoader with torch's
default_collate can batch these items.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch.utils.data import Dataset

from slowfast.ak.clips.bad_clips import ClipProblem, from_meta
from slowfast.ak.clips.dataset import ClipDataset, Item
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO

logger = logging.getLogger(__name__)


class ViewItems(Dataset):
    """Items `(inputs, labels, index, time, {})`, or the same without time; one item is one view.

    The clip that was read last is kept, so that a worker that asks for its views in order decodes
    it once.

    Fields of an item:
        inputs: normalised float32 tensors (3, T, H, W), one a pathway, slow first.
        labels: float32 (num_classes,) of 0 and 1; or the class, an int64 scalar. A clip that
            cannot be read has labels -1 and black frames in validation and test.
        index: number of the clip; in a test, number of the view: clip = index // num_views.
        time: float32 (T,), the numbers of the frames.

    Args:
        clips: the data set of whole clips, such as ``Charades(cfg, "test")``.
        cfg: DATA.MEAN, DATA.STD and what else `InputTransform` reads.
        with_time: whether items have five fields, with time, or four.

    Attributes:
        clips: as given.
        num_views: views of a clip; 1 except in a test.

    Raises:
        UserError: an item of `clips` has several clips.
    """

    def __init__(self, clips: ClipDataset, cfg, with_time: bool = True) -> None:
        if clips.clips_of_an_item > 1:
            raise UserError(
                f"the items of {type(clips).__name__} have {clips.clips_of_an_item} clips, and "
                f"single views are asked for; set {', '.join(CLIPS_OF_A_VIDEO)} to 1."
            )
        self.clips, self.with_time = clips, with_time
        self.num_views = clips.num_views
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
            labels = _without_class(labels)
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


def _without_class(labels: Any) -> Any:
    """The same tensor, or dict of tensors, with -1 everywhere."""
    if isinstance(labels, dict):
        return {name: _without_class(own) for name, own in labels.items()}
    return torch.full_like(labels, -1)
