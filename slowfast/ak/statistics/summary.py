"""Statistics of a data set: clips, labels, the long tail, and classes that occur together.

All counts are numbers of clips, not of lines in a list. A pair of classes has two figures: the
number of training clips that show both, and the lift, which is this number divided by the number
that would be expected if the two classes were independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.ak.classes.table import SEGMENTS, ClassTable
from slowfast.ak.lists.clip_list import ClipList

# The lift of a pair with fewer clips means little.
MIN_PAIR_CLIPS = 5


@dataclass(frozen=True)
class Split:
    """The clips of one list.

    Attributes:
        path: the list.
        names: the clips.
        labels: (N, C) bool.
        frames: (N,) number of frames of each clip; None if the list has one line per clip, because
            such a list does not state it.
    """

    path: str | Path
    names: list[str]
    labels: np.ndarray
    frames: np.ndarray | None

    @classmethod
    def of_list(cls, clips: ClipList, num_classes: int) -> Split:
        """Reads the clips of a list."""
        every = range(len(clips))
        frames = np.array([clips.num_frames(i) for i in every]) if clips.has_frames else None
        names = [clips.name(clip) for clip in every]
        return cls(clips.path, names, clips.multi_hot(num_classes) > 0, frames)

    @cached_property
    def class_counts(self) -> np.ndarray:
        """(C,) number of clips of each class."""
        return self.labels.sum(axis=0)

    @property
    def labels_a_clip(self) -> np.ndarray:
        """The number of clips with 0, 1, 2, ... labels."""
        return np.bincount(self.labels.sum(axis=1))

    def summary(self) -> dict[str, Any]:
        """Returns the figures of the list as plain values."""
        labels = self.labels.sum(axis=1)
        return {
            "list": str(self.path),
            "clips": len(labels),
            "labels": int(labels.sum()),
            "labels_a_clip_mean": float(labels.mean()),
            "labels_a_clip": self.labels_a_clip.tolist(),
            "frames": None if self.frames is None else int(self.frames.sum()),
            "frames_a_clip": None
            if self.frames is None
            else {
                "min": int(self.frames.min()),
                "median": float(np.median(self.frames)),
                "max": int(self.frames.max()),
            },
            "classes_with_a_clip": int((self.class_counts > 0).sum()),
        }


@dataclass(frozen=True)
class Pair:
    """Two classes, the number of training clips that show both, and the lift."""

    first: int
    second: int
    clips: int
    lift: float


@dataclass(frozen=True)
class Statistics:
    """Statistics of a data set with a training list and a test list."""

    train: Split
    test: Split
    table: ClassTable

    @property
    def imbalance(self) -> float:
        """Ratio of the training clips of the largest class and of the smallest class with clips."""
        counts = self.train.class_counts
        counts = counts[counts > 0]
        return float(counts.max() / counts.min()) if len(counts) else float("nan")

    @property
    def in_both(self) -> list[str]:
        """Names of the clips that are in both lists."""
        return sorted(set(self.train.names) & set(self.test.names))

    def missing(self, split: Split) -> list[int]:
        """Ids of the classes without a clip in a split."""
        return (split.class_counts == 0).nonzero()[0].tolist()

    def segments(self) -> dict[str, dict[str, int]]:
        """Returns for head, middle and tail: the number of classes, the training clips of the
        smallest and the largest class, and the number of classes with test clips."""
        found = {}
        for segment in SEGMENTS:
            own = np.array([name == segment for name in self.table.segments])
            if own.any():
                counts = self.train.class_counts[own]
                found[segment] = {
                    "classes": int(own.sum()),
                    "smallest": int(counts.min()),
                    "largest": int(counts.max()),
                    "with_test_clips": int((self.test.class_counts[own] > 0).sum()),
                }
        return found

    def together(self) -> np.ndarray:
        """(C, C) number of training clips with both classes; the diagonal has the class counts."""
        labels = self.train.labels.astype(np.float32)  # exact up to 16 million clips
        return (labels.T @ labels).astype(np.int64)

    def pairs(self, count: int = 10, by: str = "clips") -> list[Pair]:
        """Returns the pairs with the most ``clips``, or with the highest ``lift`` among the pairs
        with at least MIN_PAIR_CLIPS clips."""
        together, counts = self.together(), self.train.class_counts
        first, second = np.triu(together, 1).nonzero()
        clips = together[first, second]
        lift = clips * len(self.train.labels) / (counts[first] * counts[second])
        is_reliable = (clips >= MIN_PAIR_CLIPS) & (lift > 1)
        rank = clips if by == "clips" else np.where(is_reliable, lift, 0)
        order = np.argsort(-rank, kind="stable")[:count]
        return [
            Pair(int(first[i]), int(second[i]), int(clips[i]), float(lift[i]))
            for i in order
            if rank[i] > 0
        ]

    def as_dict(self, pairs: int = 10) -> dict[str, Any]:
        """Returns all statistics as plain values, for JSON."""
        names = self.table.names

        def pairs_by(by: str) -> list[dict[str, Any]]:
            return [
                {"classes": [names[p.first], names[p.second]], "clips": p.clips, "lift": p.lift}
                for p in self.pairs(pairs, by)
            ]

        return {
            "train": self.train.summary(),
            "test": self.test.summary(),
            "imbalance_ratio": self.imbalance,
            "segments": self.segments(),
            "segments_source": self.table.source,
            "no_training_clip": [names[i] for i in self.missing(self.train)],
            "no_test_clip": [names[i] for i in self.missing(self.test)],
            "clips_in_both_lists": self.in_both,
            "pairs_by_clips": pairs_by("clips"),
            "pairs_by_lift": pairs_by("lift"),
            "classes": [
                {
                    "id": index,
                    "name": names[index],
                    "segment": self.table.segments[index],
                    "training_count": int(self.train.class_counts[index]),
                    "test_count": int(self.test.class_counts[index]),
                }
                for index in range(len(names))
            ],
        }
