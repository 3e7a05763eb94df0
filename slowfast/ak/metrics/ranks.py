"""Ranks: where the true class of each clip stands among the scores of the clip.

Metrics of clips with one class each are computed from ranks. Of equal scores the lower class id
comes first, so that ranks are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slowfast.ak.errors import UserError


@dataclass(frozen=True)
class Ranks:
    """The ranks of N clips with one of C classes each.

    Attributes:
        classes: (N,) the true class of each clip, 0 to C - 1.
        places: (N,) the number of classes that stand before the true one; 0: it scores highest.
        predicted: (N,) the class that scores highest; -1: it is none of the C classes.
        count: C.
        clips: (N,) the numbers of the clips in the result that the ranks are a part of.
        sizes: the numbers of classes among which a place is counted; for compositions of several
            label sets, of each set. Empty: C.
    """

    classes: np.ndarray
    places: np.ndarray
    predicted: np.ndarray
    count: int
    clips: np.ndarray
    sizes: tuple[int, ...] = ()

    @classmethod
    def of(cls, scores: Any, classes: Any, clips: np.ndarray | None = None) -> Ranks:
        """The ranks of scores (N, C) with true classes (N,).

        Args:
            clips: (N,) numbers of the clips; None: 0 to N - 1.

        Raises:
            UserError: shapes differ, a score is nan, or a class is not in 0..C-1.
        """
        scores, classes = np.asarray(scores), np.asarray(classes)
        if scores.ndim != 2 or classes.shape != scores.shape[:1]:
            raise UserError(
                "Metrics take scores (clips, classes) and one class a clip, but found "
                f"{scores.shape} and {classes.shape}."
            )
        if len(bad := np.isnan(scores).any(axis=1).nonzero()[0]):
            raise UserError(
                f"{len(bad)} clips have scores that are nan; the first is number {bad[0]}, counted "
                "from 0."
            )
        classes, count = classes.astype(np.int64), scores.shape[1]
        if ((classes < 0) | (classes >= count)).any():
            raise UserError(
                f"Metrics take classes from 0 to {count - 1}, as there are {count} scores a clip, "
                f"but found {classes.min()} to {classes.max()}."
            )
        own = np.take_along_axis(scores, classes[:, None], axis=1)
        before = (scores == own) & (np.arange(count) < classes[:, None])
        return cls(
            classes,
            ((scores > own) | before).sum(axis=1),
            scores.argmax(axis=1) if count else np.zeros(0, np.int64),
            count,
            np.arange(len(scores)) if clips is None else clips,
        )

    @property
    def positives(self) -> np.ndarray:
        """(C,) numbers of clips of each class."""
        return np.bincount(self.classes, minlength=self.count)

    def mean_by_class(self, values: np.ndarray) -> np.ndarray:
        """(C,) the mean of values (N,) over the clips of each class; nan for a class without."""
        sums = np.bincount(self.classes, np.asarray(values, np.float64), minlength=self.count)
        clips = self.positives
        return np.divide(sums, clips, out=np.full(self.count, np.nan), where=clips > 0)

    def confusion(self) -> np.ndarray:
        """(C, C): clips of class a (row) for which class b (column) scores highest."""
        known = self.predicted >= 0
        pairs = self.classes[known] * self.count + self.predicted[known]
        return np.bincount(pairs, minlength=self.count**2).reshape(self.count, self.count)

    def drawn_by_class(self, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Sums over the clips of each class in resamples of the clips.

        Args:
            values: (N,) booleans.
            weights: (all clips, R), from `slowfast.ak.metrics.bootstrap.resample_weights`.

        Returns:
            Two arrays (R, C): how many clips of each class a resample has, and how many of them
            have a true value.
        """
        drawn, true = (np.zeros((weights.shape[1], self.count), np.int64) for _ in range(2))
        if len(self.classes):
            order = np.argsort(self.classes, kind="stable")
            present, starts = np.unique(self.classes[order], return_index=True)
            weights = weights[self.clips[order]]
            drawn[:, present] = np.add.reduceat(weights, starts, axis=0, dtype=np.int64).T
            weights = weights * np.asarray(values, bool)[order, None]
            true[:, present] = np.add.reduceat(weights, starts, axis=0, dtype=np.int64).T
        return drawn, true
