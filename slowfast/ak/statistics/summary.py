"""What a data set holds: clips, labels, the long tail, and which classes come together.

Notable: everything is counted in clips, never in lines of a list. A pair of classes is told by how
many training clips carry both, and by its lift: how many times more often than if the two had
nothing to do with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.ak.classes.table import SEGMENTS, ClassTable
from slowfast.ak.lists.clip_list import ClipList

# Of rarer pairs a high lift says nothing.
MIN_PAIR_CLIPS = 5


@dataclass(frozen=True)
class Split:
    """The clips of one list: labels (N, C) bool, frames (N,) of each, None where the list has one
    line a clip, which does not tell them."""

    path: str | Path
    names: list[str]
    labels: np.ndarray
    frames: np.ndarray | None

    @classmethod
    def of_list(cls, clips: ClipList, num_classes: int) -> Split:
        """Those of a list."""
        every = range(len(clips))
        frames = np.array([clips.num_frames(i) for i in every]) if clips.has_frames else None
        names = [clips.name(clip) for clip in every]
        return cls(clips.path, names, clips.multi_hot(num_classes) > 0, frames)

    @cached_property
    def class_counts(self) -> np.ndarray:
        """(C,) clips of each class."""
        return self.labels.sum(axis=0)

    @property
    def labels_a_clip(self) -> np.ndarray:
        """How many clips have 0, 1, 2, ... labels."""
        return np.bincount(self.labels.sum(axis=1))

    def summary(self) -> dict[str, Any]:
        """Plain values by name."""
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
    """Two classes, the training clips that carry both, and the lift."""

    first: int
    second: int
    clips: int
    lift: float


@dataclass(frozen=True)
class Statistics:
    """A data set of a training and a test list."""

    train: Split
    test: Split
    table: ClassTable

    @property
    def imbalance(self) -> float:
        """Training clips of the largest class for each one of the smallest that has any."""
        counts = self.train.class_counts
        counts = counts[counts > 0]
        return float(counts.max() / counts.min()) if len(counts) else float("nan")

    @property
    def in_both(self) -> list[str]:
        """Clips that both lists name."""
        return sorted(set(self.train.names) & set(self.test.names))

    def missing(self, split: Split) -> list[int]:
        """Classes of which a split has no clip."""
        return (split.class_counts == 0).nonzero()[0].tolist()

    def segments(self) -> dict[str, dict[str, int]]:
        """Of head, middle and tail: classes, training clips of the smallest and the largest class,
        classes with test clips."""
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
        """(C, C) training clips that carry both classes; on the diagonal those of the class."""
        labels = self.train.labels.astype(np.float32)  # exact up to 16 million clips
        return (labels.T @ labels).astype(np.int64)

    def pairs(self, count: int = 10, by: str = "clips") -> list[Pair]:
        """The strongest pairs by ``clips``, or by ``lift`` of those with MIN_PAIR_CLIPS clips."""
        together, counts = self.together(), self.train.class_counts
        first, second = np.triu(together, 1).nonzero()
        clips = together[first, second]
        lift = clips * len(self.train.labels) / (counts[first] * counts[second])
        telling = (clips >= MIN_PAIR_CLIPS) & (lift > 1)
        rank = clips if by == "clips" else np.where(telling, lift, 0)
        order = np.argsort(-rank, kind="stable")[:count]
        return [
            Pair(int(first[i]), int(second[i]), int(clips[i]), float(lift[i]))
            for i in order
            if rank[i] > 0
        ]

    def as_dict(self, pairs: int = 10) -> dict[str, Any]:
        """All of it as plain values."""
        names = self.table.names

        def told(by: str) -> list[dict[str, Any]]:
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
            "pairs_by_clips": told("clips"),
            "pairs_by_lift": told("lift"),
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
