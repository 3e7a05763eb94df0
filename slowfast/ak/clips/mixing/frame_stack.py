"""FrameStack: clips that have frames of two clips, more of the clip whose classes are known worse.

Zhang et al., "VideoLT: Large-scale Long-tailed Video Recognition" (ICCV 2021). Frequent classes
soon have a high average precision (AP). A mixed clip has more frames of the clip whose classes have
the lower AP, and its label has the same shares. So training shows more of rare classes, next to
frames of frequent ones. A part of each batch is mixed; the other clips show the AP of the network.

As in mixup, the partner of a clip is the next clip of the batch, and all draws follow from the
place in the run. Nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from slowfast.ak.clips.mixing.mixup import to_multi_hot

# Part of the seed, so that these draws are independent of the draws of crops, orders and mixup.
_STREAM = 0x667374

# Below this sum of AP, both clips are unknown, and each gives half of the frames.
_UNKNOWN = 1e-6

# Rounding of float32 does not take a frame away where the share of the frames is a whole number.
_ROUNDING = 1e-4


class Stacked(NamedTuple):
    """A batch in which a part of the clips is mixed.

    Attributes:
        clips: as given, in a new tensor.
        targets: (N, C) floats in 0..1.
        is_mixed: (N,) booleans on the device of the clips.
    """

    clips: Tensor
    targets: Tensor
    is_mixed: Tensor


@dataclass(frozen=True)
class FrameStack:
    """Mixes frames, or features over time.

    Let a_i be the sum of the AP of the classes of clip i, and beta = a_i / (a_i + a_j) for its
    partner j; 0.5 if both are near 0. Of L frames, the mixed clip has floor(beta L) of clip j,
    followed by L - floor(beta L) of clip i. The frames of each are the middles of as many equal
    parts of it. The target is (1 - beta) y_i + beta y_j.

    Args:
        num_classes: C.
        prob: the share of the clips of a batch that are mixed. Where it is not a whole number of
            clips, the number is drawn so that the share is right on average.
        average: whether a_i is the mean over the classes of a clip, and not the sum (as published).
            With the sum, a clip of many classes counts as known well, and gives its frames away.
    """

    num_classes: int
    prob: float = 0.5
    average: bool = False

    @classmethod
    def from_cfg(cls, cfg) -> FrameStack | None:
        """Reads the group FRAMESTACK. None: it is not enabled."""
        own = cfg.FRAMESTACK
        return cls(cfg.MODEL.NUM_CLASSES, own.PROB, own.AVERAGE) if own.ENABLE else None

    def __call__(
        self,
        clips: Tensor,
        labels: Tensor,
        precision: Tensor,
        key: Sequence[int],
        samples: int = 1,
    ) -> Stacked:
        """Mixes a part of a batch.

        Args:
            clips: (N, 3, L, H, W), or features (N, L, C) of L positions in the order of time.
            labels: (N, C) multi-hot, or (N,) classes.
            precision: (C,) AP of each class, from 0 to 1.
            key: whole numbers that decide all draws: (seed, epoch, iteration, rank).
            samples: how many consecutive rows show the same clip; the partner shows another clip.
        """
        dim = 2 if clips.ndim == 5 else 1
        chosen = self._chosen(len(clips), samples, key).to(clips.device, non_blocking=True)
        hot = to_multi_hot(labels, self.num_classes)
        share = torch.where(chosen, self.shares(hot, precision, samples), 0)
        row, frame = _sources(share, clips.shape[dim], samples)
        stacked = clips.movedim(dim, 1)[row, frame].movedim(1, dim)
        targets = hot.lerp(hot.roll(-samples, dims=0), share[:, None])
        return Stacked(stacked, targets, chosen)

    def shares(self, labels: Tensor, precision: Tensor, samples: int = 1) -> Tensor:
        """(N,): beta of each clip, the share that it would take of its partner."""
        own = (labels * precision).sum(dim=1)
        if self.average:
            own = own / labels.sum(dim=1).clamp(min=1)
        both = own + own.roll(-samples)
        return torch.where(both < _UNKNOWN, 0.5, own / both.clamp(min=_UNKNOWN))

    def _chosen(self, rows: int, samples: int, key: Sequence[int]) -> Tensor:
        """(rows,) booleans: which rows are mixed. None is where there is no other clip."""
        rng = np.random.default_rng([_STREAM, *key])
        count = int(self.prob * rows + rng.random()) if rows > samples else 0
        chosen = torch.zeros(rows, dtype=torch.bool)
        chosen[rng.permutation(rows)[:count]] = True
        return chosen


def _sources(share: Tensor, frames: int, samples: int) -> tuple[Tensor, Tensor]:
    """(N, L) twice: the row and the frame that each frame of a batch comes from."""
    taken = (share * frames + _ROUNDING).floor().long()[:, None]
    place = torch.arange(frames, device=share.device)[None]
    own = torch.arange(len(share), device=share.device)[:, None]
    is_partners = place < taken
    row = torch.where(is_partners, own.roll(-samples, dims=0), own)
    count = torch.where(is_partners, taken, frames - taken)
    place = torch.where(is_partners, place, place - taken)
    return row, (2 * place + 1) * frames // (2 * count)
