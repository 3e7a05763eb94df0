"""Bouts from labels of single frames, which tables of DeepEthogram and FERAL hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from slowfast.data_tools.events.event import Coverage, Event, EventTable, Place, ReadOptions


def add_frame_labels(
    found: EventTable,
    place: Place,
    video: str,
    labels: np.ndarray,
    names: Sequence[str],
    options: ReadOptions,
    *,
    unknown: np.ndarray | None = None,
    split: str = "",
) -> None:
    """Adds the bouts of a video, and the video itself, to a table.

    Args:
        labels: (T, K) bool, whether frame t shows class k.
        names: the K classes; `found.background` among them is no class of its own.
        unknown: (T,) bool, frames that nobody labelled.
    """
    rate = options.frame_rate if isinstance(options.frame_rate, float) else None
    for name, shown in zip(names, labels.T, strict=True):
        for first, stop in runs(shown):
            if name != found.background:
                found.events.append(
                    Event(place, video, name, first_frame=first, stop_frame=stop, rate=rate,
                          observation=video, split=split)
                )  # fmt: skip
    gaps = () if unknown is None else tuple(runs(unknown))
    found.coverage.append(
        Coverage(place, video, video, frames=len(labels), unknown=gaps, split=split)
    )


def runs(shown: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yields (first, stop) of each run of True in a vector (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(np.int8), [0]))))
    yield from map(tuple, edges.reshape(-1, 2).tolist())
