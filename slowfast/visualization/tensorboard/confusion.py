"""What the classes of a test, or of an evaluation, are taken for.

With one label a clip this is the usual confusion matrix. With several, a clip of k labels is held
to its k highest scores, as on the page of a run (``slowfast.visualization.report.findings``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slowfast.visualization.report.findings import mistaken, named
from slowfast.visualization.tensorboard.pictures import drawn

_LEAST_LETTERS = 5  # points


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """(N, C) booleans of labels: (N, C) of 0 and 1, or (N,) classes."""
    return labels.astype(bool) if labels.ndim == 2 else np.eye(num_classes, dtype=bool)[labels]


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(C, C) shares: row a has what stood in the place of a, of all clips that carry it.

    On the diagonal is the share that was found. A clip in which a was missed counts for each class
    that was named there and is not one of its labels. Rows of classes without a clip are 0.
    """
    clips = mistaken(scores, labels)
    found = labels.astype(bool) & named(scores, labels)
    clips[np.diag_indices_from(clips)] = found.sum(axis=0)
    return clips / np.maximum(labels.sum(axis=0), 1)[:, None]


def draw_confusion(
    shares: np.ndarray, names: Sequence[str], size: Sequence[float], title: str
) -> np.ndarray:
    """A picture (H, W, 3) of a matrix; rows are true classes. ``size`` is in inches; where it
    leaves too little for names that can be read, there are none."""
    with drawn(size) as (figure, image):
        axes = figure.subplots()
        drawing = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set(title=title, xlabel="taken for", ylabel="is")
        # About 0.7 of a side is left for the rows; a point is 1/72 inch.
        letters = min(10, 0.8 * 0.7 * min(size) * 72 / len(names))
        if letters >= _LEAST_LETTERS:
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=letters)
            axes.set_yticks(range(len(names)), names, fontsize=letters)
        figure.colorbar(drawing, ax=axes, label="share of the clips", fraction=0.046)
    return image.pixels


def draw_histograms(
    scores: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    shown: Sequence[int],
    top: int,
    size: Sequence[float],
) -> dict[str, np.ndarray]:
    """For each class shown that has clips, by its name, a picture of the ``top`` classes that are
    named most often on them."""
    found = named(scores, labels)
    pictures = {}
    for number in shown:
        carriers = labels[:, number].astype(bool)
        if not carriers.any():
            continue
        counts = found[carriers].sum(axis=0)
        most = [k for k in np.argsort(-counts, kind="stable")[:top] if counts[k]]
        with drawn(size) as (figure, image):
            axes = figure.subplots()
            bars = axes.barh(range(len(most)), counts[most])
            for bar, k in zip(bars, most, strict=True):
                bar.set_color("tab:blue" if k == number else "tab:gray")
            axes.set_yticks(range(len(most)), [names[k] for k in most])
            axes.invert_yaxis()
            axes.set(
                title=f"{names[number]}, {int(carriers.sum())} clips", xlabel="clips that name it"
            )
        pictures[names[number]] = image.pixels
    return pictures
