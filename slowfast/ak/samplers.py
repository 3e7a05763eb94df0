"""The order in which clips are drawn, as (epoch, index) pairs.

An index that carries its epoch lets a data set make all randomness of an item from (seed, epoch,
index): neither the number of workers, nor which of them serves an item, nor a resume changes what
is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for this rank's share of the clips.

    Shuffled, the order is a permutation made from (seed, epoch), the same on all ranks; rank r
    takes every world_size-th from the r-th on. `drop_last` leaves out what does not fill a batch of
    batch_size on every rank, so that all have the same number of batches; without it each clip
    comes exactly once over all ranks, and some ranks have one more than others.
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
    ):
        self.num_clips, self.shuffle, self.seed = num_clips, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.drop_last, self.batch_size = drop_last, batch_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; it decides the order and goes with each index."""
        self.epoch = epoch

    def __len__(self) -> int:
        used = self._num_used()
        return (used - self.rank + self.world_size - 1) // self.world_size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.num_clips)
        if self.shuffle:
            bits = np.random.PCG64([self.seed, self.epoch])
            order = np.random.Generator(bits).permutation(self.num_clips)
        epoch = self.epoch
        for index in order[self.rank : self._num_used() : self.world_size].tolist():
            yield epoch, index

    def _num_used(self) -> int:
        whole = self.batch_size * self.world_size
        return self.num_clips // whole * whole if self.drop_last else self.num_clips
