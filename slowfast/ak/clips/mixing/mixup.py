"""Mixup and cutmix of a batch, and label smoothing.

Mixup (Zhang et al., ICLR 2018) adds two clips, cutmix (Yun et al., ICCV 2019) pastes a box of one
clip into the other; targets are added in the same shares. Each clip is mixed with the next clip of
the batch, the last with the first; where a batch has several samples of each clip, with the same
sample of the next clip. Batches are drawn at random, so each clip has a random partner. One draw is
for the whole batch. Clips change in place on the device, with numbers that the CPU draws, so that
nothing waits for the device. Precise batch norm sees clips that are not mixed, as a test does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

# Part of the seed, so that these draws are independent of the draws of crops and orders.
_STREAM = 0x6D6978


Labels = Tensor | dict[str, Tensor]


@dataclass(frozen=True)
class BatchMixer:
    """Mixes the clips of a batch, and makes the targets for the loss.

    If only one of `alpha` and `cutmix_alpha` is above 0, all mixed batches are mixed in that way.
    If both are, cutmix mixes a share of `switch_prob` of them. If none is, no batch is mixed.

    Args:
        num_classes: C; with several label sets, of each set by its name.
        alpha: a clip's share in mixup is drawn from Beta(alpha, alpha).
        cutmix_alpha: a clip's share of the area in cutmix is drawn from Beta(c, c), with c this
            number.
        prob: the share of batches that are mixed.
        smoothing: the share of a target that is spread over all classes, see `smooth`.
    """

    num_classes: int | Mapping[str, int]
    alpha: float = 0.0
    cutmix_alpha: float = 0.0
    prob: float = 1.0
    switch_prob: float = 0.5
    smoothing: float = 0.0

    @classmethod
    def from_cfg(cls, cfg, num_classes: Mapping[str, int] | None = None) -> BatchMixer:
        """Reads the group MIXUP if MIXUP.ENABLE, else only LOSS.LABEL_SMOOTHING.

        Args:
            num_classes: of each label set; None: there is one, with MODEL.NUM_CLASSES.
        """
        classes = num_classes or cfg.MODEL.NUM_CLASSES
        if not cfg.MIXUP.ENABLE:
            return cls(classes, smoothing=cfg.LOSS.LABEL_SMOOTHING)
        return cls(
            classes,
            alpha=cfg.MIXUP.ALPHA,
            cutmix_alpha=cfg.MIXUP.CUTMIX_ALPHA,
            prob=cfg.MIXUP.PROB,
            switch_prob=cfg.MIXUP.SWITCH_PROB,
            smoothing=cfg.MIXUP.LABEL_SMOOTH_VALUE,
        )

    def __call__(
        self, pathways: Sequence[Tensor], labels: Labels, key: Sequence[int], samples: int = 1
    ) -> Labels:
        """Mixes a batch in place, and returns its targets.

        Args:
            pathways: floats (N, C, T, H, W), one tensor a pathway, which can differ in size. All
                get the same share, or the same box in parts of their height and width.
            labels: (N, C) multi-hot, or (N,) classes; or a dict of such tensors by label set. They
                are not changed.
            key: whole numbers that decide all draws: (seed, epoch, iteration, rank).
            samples: how many consecutive rows show the same clip.

        Returns:
            (N, C) floats in 0..1, or a dict of them; the given `labels` if nothing is mixed or
            smoothed.
        """
        share = self._mix(pathways, np.random.default_rng([_STREAM, *key]), samples)
        if share == 1 and not self.smoothing:
            return labels
        if isinstance(labels, dict):
            counts = self.num_classes
            return {
                name: self._targets(own, counts[name], share, samples)
                for name, own in labels.items()
            }
        return self._targets(labels, self.num_classes, share, samples)

    def _targets(self, labels: Tensor, num_classes: int, share: float, samples: int) -> Tensor:
        targets = to_multi_hot(labels, num_classes)
        if share < 1:
            targets = targets.lerp(_next(targets, samples), 1 - share)
        return smooth(targets, self.smoothing)

    def _mix(self, pathways: Sequence[Tensor], rng: np.random.Generator, samples: int) -> float:
        """Mixes clips in place; returns the share that each keeps of itself, 1 without mixing."""
        is_mixed, by_cutmix = rng.random(2) < (self.prob, self.switch_prob)
        if not is_mixed or not (self.alpha or self.cutmix_alpha) or len(pathways[0]) <= samples:
            return 1.0
        if self.cutmix_alpha and (by_cutmix or not self.alpha):
            share = rng.beta(self.cutmix_alpha, self.cutmix_alpha)
            return _paste(pathways, math.sqrt(1 - share), rng.random(2), samples)
        share = rng.beta(self.alpha, self.alpha)
        for clips in pathways:
            clips.lerp_(_next(clips, samples), 1 - share)
        return share


def _paste(pathways: Sequence[Tensor], side: float, centre: np.ndarray, samples: int) -> float:
    """Pastes a box of the next clip into each clip, the same box in all frames.

    `side` and `centre` (y, x) are parts of height and width. A box is cut off at the edges, so the
    share that a clip keeps is measured over all pathways.
    """
    low, high = (np.clip(centre + end * side / 2, 0, 1) for end in (-1, 1))
    areas = []
    for clips in pathways:
        size = clips.shape[-2:]
        (y0, x0), (y1, x1) = (
            np.round(corner * size).astype(int).tolist() for corner in (low, high)
        )
        box = clips[..., y0:y1, x0:x1]
        box.copy_(_next(box, samples))
        areas.append((y1 - y0) * (x1 - x0) / math.prod(size))
    return 1 - sum(areas) / len(areas)


def _next(batch: Tensor, samples: int) -> Tensor:
    """A copy in which row i is row i + `samples`; the last rows are the first ones."""
    return batch.roll(-samples, dims=0)


def to_multi_hot(labels: Tensor, num_classes: int) -> Tensor:
    """(N, C) floats of classes (N,); multi-hot labels (N, C) are returned unchanged."""
    if labels.ndim > 1:
        return labels
    return labels.new_zeros((len(labels), num_classes)).scatter_(1, labels[:, None], 1).float()


def are_positive(targets: Tensor, smoothing: float) -> Tensor:
    """Booleans (N, C): what was 1 before `smooth` made the targets (N, C) of multi-hot labels."""
    return targets > smoothing / targets.shape[1] + (1 - smoothing) / 2


def smooth(targets: Tensor, amount: float) -> Tensor:
    """y (1 - e) + e / C for e = `amount`, targets (N, C) (Szegedy et al., CVPR 2016).

    For one class a clip the result is still a distribution. For many classes, what a class loses is
    spread evenly over all C classes, as for one label.
    """
    return targets if not amount else targets * (1 - amount) + amount / targets.shape[1]
