"""The order in which clips are drawn, as (epoch, index) pairs, and how often each is drawn.

An index that carries its epoch lets a data set make all randomness of an item from (seed, epoch,
index): neither the number of workers, nor which of them serves an item, nor a resume changes what
is trained on. A clip that comes again in the same epoch carries a third number, which time it is,
and so gets another crop and window.

A way of re-balancing classes is a vector and no more: how often each clip is expected in an epoch,
a function of the labels. The sampler turns it into draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from slowfast.ak.errors import UserError

# Classes are drawn in proportion to n_c^q (Kang et al., "Decoupling Representation and Classifier
# for Long-Tailed Recognition", ICLR 2020).
_CLASS_EXPONENTS = {"class_balanced": 0.0, "square_root": 0.5}

Key = tuple[int, int] | tuple[int, int, int]


def expected_repeats(name: str, labels: np.ndarray, threshold: float = 0.01) -> np.ndarray | None:
    """How often each clip is expected in an epoch under DATA_LOADER.SAMPLER; None: exactly once.

    class_balanced, square_root: a class is drawn, with probability in proportion to 1 or to
        sqrt(n_c), then one of its n_c clips, as many times as there are clips. A clip of several
        classes is drawn through each of them: w_i is the sum over its classes of 1 / n_c, or of
        1 / sqrt(n_c), scaled so that labelled clips come once on average.
    repeat_factor: w_i is the largest of max(1, sqrt(threshold / f_c)) over its classes, f_c being
        the share n_c / N of the clips that carry the class (Gupta, Dollar and Girshick, "LVIS",
        CVPR 2019). No clip comes less than once, and the epoch grows.

    A clip without labels is expected once: it is an example of what none of the classes is.

    Args:
        name: shuffle, class_balanced, square_root or repeat_factor.
        labels: (N, C), not 0 where a clip carries a class.
        threshold: share of the clips below which a class is repeated.

    Returns:
        (N,) float64, or None for shuffle.

    Raises:
        UserError: no such name.
    """
    if name == "shuffle":
        return None
    labels = labels != 0
    counts = labels.sum(axis=0)
    if name == "repeat_factor":
        share = np.maximum(counts, 1) / len(labels)
        return np.where(labels, np.maximum(1, np.sqrt(threshold / share)), 1).max(axis=1)
    if name not in _CLASS_EXPONENTS:
        names = ", ".join(("shuffle", *_CLASS_EXPONENTS, "repeat_factor"))
        raise UserError(f"DATA_LOADER.SAMPLER: there is no {name!r}; choose one of {names}.")
    weights = labels @ np.maximum(counts, 1) ** (_CLASS_EXPONENTS[name] - 1)
    labelled = labels.any(axis=1)
    if labelled.any():
        weights *= labelled.sum() / weights.sum()
    return np.where(labelled, weights, 1)


def describe_repeats(labels: np.ndarray, repeats: np.ndarray) -> str:
    """What re-balancing does to the rarest and the most frequent class that has clips, in words."""
    labels = labels != 0
    counts = labels.sum(axis=0)
    text = f"{len(labels)} clips make {math.ceil(repeats.sum() - 1e-6)} draws an epoch"
    seen = np.flatnonzero(counts)
    if len(seen):
        expected = repeats @ labels
        rarest, commonest = seen[counts[seen].argmin()], seen[counts[seen].argmax()]
        text += ", " + ", ".join(
            f"{expected[label]:.0f} of the {name} class ({label}) instead of {counts[label]}"
            for name, label in (("rarest", rarest), ("most frequent", commonest))
        )
    return f"{text}; a clip comes {repeats.min():.2g} to {repeats.max():.3g} times"


class EpochSampler(Sampler[Key]):
    """Yields (epoch, index), or (epoch, index, again), for this rank's share of an epoch.

    Shuffled, the order is a permutation made from (seed, epoch), the same on all ranks; rank r
    takes every world_size-th from the r-th on. `drop_last` leaves out what does not fill a batch of
    batch_size on every rank, so that all have the same number of batches; without it each clip
    comes exactly once over all ranks, and some ranks have one more than others.

    With `repeats` (num_clips,), shuffled, each epoch draws a clip so often on average: every time
    its expectation rounded down or up, by systematic resampling of the permuted clips. The number
    of draws is the sum of `repeats`, rounded up, in every epoch: schedules, a resume and several
    processes rely on that. `again`, from 1 on, tells a clip's draws of one epoch apart; the first
    of them goes without.

    Raises UserError for `repeats` that are not numbers from 0 on, one a clip, some above 0.
    """

    def __init__(
        self,
        num_clips: int,
        *,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool,
        batch_size: int = 1,
        repeats: np.ndarray | None = None,
    ):
        self.num_clips, self.shuffle, self.seed = num_clips, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.drop_last, self.batch_size = drop_last, batch_size
        self.epoch = self.start = 0
        self.num_draws, self.repeats = num_clips, None
        if repeats is not None:
            _check_repeats(repeats, num_clips, shuffle)
            # What a sum in floating point is short or over of a whole number is no further draw.
            self.num_draws = max(1, math.ceil(repeats.sum() - 1e-6))
            self.repeats = repeats * (self.num_draws / repeats.sum())

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch of the next iteration; it decides the order and goes with each index.

        The first `start` of this rank's draws are left out: they were made before a run stopped.
        """
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        used = self._num_used()
        return (used - self.rank + self.world_size - 1) // self.world_size

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch
        first = self.rank + self.start * self.world_size
        own = slice(first, self._num_used(), self.world_size)
        for index, again in zip(*(draws[own].tolist() for draws in self._draws()), strict=True):
            yield (epoch, index, again) if again else (epoch, index)

    def _draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Clips of the epoch over all ranks, and how often each has come before: (num_draws,)."""
        order = np.arange(self.num_clips)
        if self.shuffle:
            rng = np.random.Generator(np.random.PCG64([self.seed, self.epoch]))
            order = rng.permutation(self.num_clips)
        if self.repeats is None:
            return order, np.zeros_like(order)
        # Marks stand one apart, from a random offset on; a clip comes once for each mark that
        # falls on its stretch of the line. Stretches of clips lie in another order each epoch,
        # or neighbours in the list would always come together, or never.
        ends = np.minimum(np.cumsum(self.repeats[order]), self.num_draws)
        ends[-1] = self.num_draws
        marks = np.floor(ends + rng.random()).astype(np.int64)
        times = np.diff(marks, prepend=0)
        clips = np.repeat(order, times)
        again = np.arange(self.num_draws) - np.repeat(marks - times, times)
        mixed = rng.permutation(self.num_draws)
        return clips[mixed], again[mixed]

    def _num_used(self) -> int:
        whole = self.batch_size * self.world_size
        return self.num_draws // whole * whole if self.drop_last else self.num_draws


def _check_repeats(repeats: np.ndarray, num_clips: int, shuffle: bool) -> None:
    sound = np.isfinite(repeats).all() and (repeats >= 0).all() and (repeats > 0).any()
    if repeats.shape != (num_clips,) or not sound or not shuffle:
        raise UserError(
            f"the expected repeats of clips have shape {repeats.shape} and lie in "
            f"{repeats.min(initial=0)}..{repeats.max(initial=0)}; expected {num_clips} numbers "
            "from 0 on, not all 0, for a sampler that shuffles."
        )
