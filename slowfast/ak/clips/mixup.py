"""Mixup and cutmix of a batch, and label smoothing: what training does to targets.

mixup (Zhang et al., ICLR 2018) adds two clips up, cutmix (Yun et al., ICCV 2019) pastes a box of
one into the other; targets are added up in the same shares. Each clip is mixed with the next of the
batch, the last with the first: batches are drawn at random, and so every clip has another draw for
a partner, in a batch of any size from 2 on. One draw serves the batch. All is done in place on
the device, by numbers that the CPU draws, so that nothing waits for the device. Precise batch norm
measures clips that are not mixed, as those of a test are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

# Part of the seed, so that these draws have nothing to do with those of crops and orders.
_STREAM = 0x6D6978


@dataclass(frozen=True)
class BatchMixer:
    """Mixes the clips of a batch, and makes the targets that the loss is given.

    With one of `alpha` and `cutmix_alpha` above 0 every batch that is mixed is mixed in that way,
    with both a share of `switch_prob` by cutmix, with neither no batch is.

    num_classes: C.
    alpha, cutmix_alpha: the share of a clip in mixup, in cutmix its share of the area, is drawn
        from Beta(alpha, alpha).
    prob: share of batches that are mixed.
    smoothing: share of a target that is spread over all classes, see `smooth`.
    """

    num_classes: int
    alpha: float = 0.0
    cutmix_alpha: float = 0.0
    prob: float = 1.0
    switch_prob: float = 0.5
    smoothing: float = 0.0

    @classmethod
    def from_cfg(cls, cfg) -> BatchMixer:
        """As the MIXUP node says where MIXUP.ENABLE, else LOSS.LABEL_SMOOTHING alone."""
        if not cfg.MIXUP.ENABLE:
            return cls(cfg.MODEL.NUM_CLASSES, smoothing=cfg.LOSS.LABEL_SMOOTHING)
        return cls(
            cfg.MODEL.NUM_CLASSES,
            alpha=cfg.MIXUP.ALPHA,
            cutmix_alpha=cfg.MIXUP.CUTMIX_ALPHA,
            prob=cfg.MIXUP.PROB,
            switch_prob=cfg.MIXUP.SWITCH_PROB,
            smoothing=cfg.MIXUP.LABEL_SMOOTH_VALUE,
        )

    def __call__(self, pathways: Sequence[Tensor], labels: Tensor, key: Sequence[int]) -> Tensor:
        """Mix a batch in place, and give its targets.

        Args:
            pathways: floats (N, C, T, H, W), one tensor a pathway, each of its own size. All get
                the same share, or the same box, as a part of their height and width.
            labels: (N, C) multi-hot, or (N,) classes. Left as they are.
            key: whole numbers that decide all that is drawn: (seed, epoch, iteration, rank).

        Returns:
            (N, C) floats in 0..1; `labels` themselves where nothing is mixed or smoothed.
        """
        share = self._mix(pathways, np.random.default_rng([_STREAM, *key]))
        if share == 1 and not self.smoothing:
            return labels
        targets = to_multi_hot(labels, self.num_classes)
        if share < 1:
            targets = targets.lerp(_next(targets), 1 - share)
        return smooth(targets, self.smoothing)

    def _mix(self, pathways: Sequence[Tensor], rng: np.random.Generator) -> float:
        """Mix clips in place; the share that each keeps of itself, 1 where nothing is mixed."""
        is_mixed, by_cutmix = rng.random(2) < (self.prob, self.switch_prob)
        if not is_mixed or not (self.alpha or self.cutmix_alpha) or len(pathways[0]) < 2:
            return 1.0
        if self.cutmix_alpha and (by_cutmix or not self.alpha):
            share = rng.beta(self.cutmix_alpha, self.cutmix_alpha)
            return _paste(pathways, math.sqrt(1 - share), rng.random(2))
        share = rng.beta(self.alpha, self.alpha)
        for clips in pathways:
            clips.lerp_(_next(clips), 1 - share)
        return share


def _paste(pathways: Sequence[Tensor], side: float, centre: np.ndarray) -> float:
    """Paste a box of the next clip into each, the same in all frames.

    `side` and `centre` (y, x) are parts of height and width. A box reaches beyond no edge, so the
    share that is left of a clip is measured, over all pathways.
    """
    low, high = (np.clip(centre + end * side / 2, 0, 1) for end in (-1, 1))
    areas = []
    for clips in pathways:
        size = clips.shape[-2:]
        (y0, x0), (y1, x1) = (
            np.round(corner * size).astype(int).tolist() for corner in (low, high)
        )
        box = clips[..., y0:y1, x0:x1]
        box.copy_(_next(box))
        areas.append((y1 - y0) * (x1 - x0) / math.prod(size))
    return 1 - sum(areas) / len(areas)


def _next(batch: Tensor) -> Tensor:
    """For each item the one after it, for the last the first: a copy."""
    return batch.roll(-1, dims=0)


def to_multi_hot(labels: Tensor, num_classes: int) -> Tensor:
    """(N, C) floats of classes (N,); multi-hot labels (N, C) come back as they are."""
    if labels.ndim > 1:
        return labels
    return labels.new_zeros((len(labels), num_classes)).scatter_(1, labels[:, None], 1).float()


def smooth(targets: Tensor, amount: float) -> Tensor:
    """y (1 - e) + e / C for e = `amount`, targets (N, C) (Szegedy et al., CVPR 2016).

    For one class a clip this is a distribution still. For many, what a class loses goes in equal
    parts to all C, as if the clip had one label.
    """
    return targets if not amount else targets * (1 - amount) + amount / targets.shape[1]
