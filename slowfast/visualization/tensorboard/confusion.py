"""Confusion matrices and histograms of predictions.

With one label a clip this is the usual confusion matrix. With k labels, the k highest scores of a
clip are taken as its predictions, as in `slowfast.visualization.report.findings`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slowfast.visualization.report.findings import confusions, predicted_classes
from slowfast.visualization.tensorboard.pictures import drawn

_SMALLEST_LETTERS = 5  # points


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns (N, C) booleans from labels (N, C) of 0 and 1, or (N,) classes."""
    return labels.astype(bool) if labels.ndim == 2 else np.eye(num_classes, dtype=bool)[labels]


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns (C, C) shares: row a has the classes predicted on the clips that carry a.

    The diagonal has the share that was found. A clip on which a was missed counts for each class
    that was predicted there and is not one of its labels. Rows of classes without a clip are 0.
    """
    clips = confusions(scores, labels)
    found = labels.astype(bool) & predicted_classes(scores, labels)
    clips[np.diag_indices_from(clips)] = found.sum(axis=0)
    return clips / np.maximum(labels.sum(axis=0), 1)[:, None]


def draw_confusion(
    shares: np.ndarray, names: Sequence[str], size: Sequence[float], title: str
) -> np.ndarray:
    """Returns a picture (H, W, 3) of a matrix whose rows are true classes.

    Args:
        size: width and height in inches. Names of classes are left out if they would be too small.
    """
    with drawn(size) as (figure, image):
        axes = figure.subplots()
        drawing = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set(title=title, xlabel="taken for", ylabel="is")
        # About 0.7 of a side is left for the rows; a point is 1/72 inch.
        letters = min(10, 0.8 * 0.7 * min(size) * 72 / len(names))
        if letters >= _SMALLEST_LETTERS:
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
    """Returns a picture for each shown class with clips, by the name of the class.

    The picture shows the ``top`` classes that are predicted most often on these clips.
    """
    found = predicted_classes(scores, labels)
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
