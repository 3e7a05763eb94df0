"""`slowfast.datasets.mixup`: mixup and cutmix of batches, over `slowfast.ak.clips.mixing.mixup`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from slowfast.ak.clips.mixing.mixup import BatchMixer, smooth, to_multi_hot


def convert_to_one_hot(
    targets: Tensor, num_classes: int, on_value: float = 1.0, off_value: float = 0.0
) -> Tensor:
    """(N, C) of classes (N,): `on_value` at the class, `off_value` elsewhere."""
    hot = to_multi_hot(targets.long().view(-1), num_classes)
    return hot * (on_value - off_value) + off_value


def mixup_target(
    target: Tensor, num_classes: int, lam: float = 1.0, smoothing: float = 0.0
) -> Tensor:
    """Targets (N, C): `lam` of the clip's own, the rest of the clip at this place from the end.

    Args:
        target: (N,) classes.
        smoothing: the share of a target that is spread over all classes.
    """
    own = smooth(to_multi_hot(target.long(), num_classes), smoothing)
    return own * lam + own.flip(0) * (1 - lam)


def rand_bbox(
    img_shape: Sequence[int], lam: float, margin: float = 0.0, count: int | None = None
) -> tuple:
    """A random box with a share 1 - `lam` of the area, cut off at the edges: y0, y1, x0, x1.

    Args:
        img_shape: its last two numbers are height and width.
        margin: the part of the box's sides by which its centre stays away from the edges.
        count: the number of boxes; None: single numbers.
    """
    ends = []
    for side in img_shape[-2:]:
        length = int(side * math.sqrt(1 - lam))
        gap = int(margin * length)
        centre = np.random.randint(gap, side - gap, size=count)
        ends += [np.clip(centre - length // 2, 0, side), np.clip(centre + length // 2, 0, side)]
    return tuple(ends)


def get_cutmix_bbox(
    img_shape: Sequence[int], lam: float, correct_lam: bool = True, count: int | None = None
) -> tuple[tuple, float]:
    """A box of `rand_bbox`, and the share of the area outside it.

    Args:
        correct_lam: whether the share is measured; otherwise it is `lam`.
    """
    box = y0, y1, x0, x1 = rand_bbox(img_shape, lam, count=count)
    if correct_lam:
        lam = 1 - (y1 - y0) * (x1 - x0) / (img_shape[-2] * img_shape[-1])
    return box, lam


class MixUp:
    """Mixes a batch and makes its soft targets, as `slowfast.ak.clips.mixing.mixup.BatchMixer`.

    Each clip is mixed with the next one of the batch; upstream takes the one at the same place from
    the end. Batches are drawn at random, so both have the same distribution.

    Args:
        mixup_alpha, cutmix_alpha: of the Beta distributions; 0: not at all.
        mix_prob: the share of batches that are mixed.
        switch_prob: of these, the share that cutmix mixes if both are on.
        correct_lam: not used; the share of a box is always measured.
        label_smoothing: the share of a target that is spread over all classes.
    """

    def __init__(
        self,
        mixup_alpha: float = 1.0,
        cutmix_alpha: float = 0.0,
        mix_prob: float = 1.0,
        switch_prob: float = 0.5,
        correct_lam: bool = True,
        label_smoothing: float = 0.1,
        num_classes: int = 1000,
    ) -> None:
        self._mixer = BatchMixer(
            num_classes, mixup_alpha, cutmix_alpha, mix_prob, switch_prob, label_smoothing
        )

    def __call__(self, x: Tensor | list[Tensor], target: Tensor) -> tuple:
        """Mixes `x` in place.

        Args:
            x: a tensor (N, C, T, H, W), or a list with one a pathway.
            target: (N,) classes, or (N, C).

        Returns:
            x, and targets (N, C).
        """
        pathways = [x] if torch.is_tensor(x) else x
        soft = self._mixer(pathways, target, [np.random.randint(2**31)])
        return x, to_multi_hot(soft, self._mixer.num_classes)
