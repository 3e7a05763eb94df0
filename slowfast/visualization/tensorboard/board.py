"""The event files of a run: curves, histograms of average precision, confusions, and clips.

A resumed run writes to the same folder; TensorBoard no longer shows the events after the point at
which the run is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.ak.classes.label_sets import Classes
from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.metrics.figures import Figures
from slowfast.utils import distributed
from slowfast.utils.files.stats_line import first_number
from slowfast.visualization.tensorboard.confusion import (
    confusion,
    draw_confusion,
    draw_histograms,
    one_hot,
)
from slowfast.visualization.tensorboard.events import Events
from slowfast.visualization.tensorboard.names import categories, class_names, subset
from slowfast.visualization.tensorboard.pictures import captioned, pixels_of, stacked, strip

# The lines of json_stats that become points on curves, and the first part of their tags.
_PARTS = {"train_iter_": "Train", "train_epoch": "Epoch", "val_epoch": "Val"}
_NO_CURVES = {"best_epoch"}
_MOST_CLIPS = 8


def log_dir(cfg: CfgNode) -> Path:
    """Returns TENSORBOARD.LOG_DIR below OUTPUT_DIR; ``runs-<data set>`` where the key is empty."""
    name = cfg.TENSORBOARD.LOG_DIR or f"runs-{cfg.TRAIN.DATASET}"
    return Path(cfg.OUTPUT_DIR, name)


class Board:
    """Writes the events of one run.

    Args:
        classes: names of the classes; None: not known.
        steps: steps of each epoch; the place of a point on the axis is the number of steps before
            it. One number stands for all epochs.
        done: the number of steps before the run is resumed (`Events`).

    Raises:
        UserError: the package tensorboard is missing, the folder cannot be written, or a file
            named by a key of TENSORBOARD cannot be read.
    """

    def __init__(
        self,
        cfg: CfgNode,
        classes: Classes,
        steps: int | Sequence[int] = 1,
        done: int | None = None,
    ) -> None:
        self._cfg, self._steps, self._done = cfg, steps, done or 0
        self._names = class_names(cfg, classes)
        self._categories = categories(cfg, self._names)
        board = cfg.TENSORBOARD
        self._matrix_classes, self._histogram_classes = (
            subset(f"TENSORBOARD.{part}.SUBSET_PATH", path, self._names)
            for part, path in (
                ("CONFUSION_MATRIX", board.CONFUSION_MATRIX.SUBSET_PATH),
                ("HISTOGRAM", board.HISTOGRAM.SUBSET_PATH),
            )
        )
        self._events = Events(log_dir(cfg), done)

    @classmethod
    def of_run(
        cls,
        cfg: CfgNode,
        classes: Classes,
        steps: int | Sequence[int] = 1,
        done: int | None = None,
    ) -> Board | None:
        """Returns the board of a run; None without TENSORBOARD.ENABLE, and on other processes."""
        if not (cfg.TENSORBOARD.ENABLE and distributed.is_master_proc()):
            return None
        return cls(cfg, classes, steps, done)

    def _steps_before(self, epoch: int) -> int:
        """The number of steps before an epoch (from 0)."""
        return epoch * self._steps if isinstance(self._steps, int) else sum(self._steps[:epoch])

    def add_line(self, stats: Mapping[str, Any]) -> None:
        """Adds each figure of a json_stats line as a point on a curve, such as ``Train/loss``."""
        part = _PARTS.get(stats["_type"])
        if part is None:
            return
        epoch = first_number(stats["epoch"])
        done = self._steps_before(epoch)
        if "iter" in stats:
            done = self._steps_before(epoch - 1) + first_number(stats["iter"])
        for name, value in stats.items():
            if name not in _NO_CURVES and isinstance(value, int | float) and value == value:
                self._events.write("add_scalar", f"{part}/{name}", value, done)
        if part != "Train":
            self._events.write("flush")

    def add_evaluation(self, epoch: int, figures: Figures) -> None:
        """Adds a histogram of average precision over classes, and the pictures of `add_results`.

        Args:
            epoch: the epoch before the evaluation, counted from 0.
            figures: the figures of the evaluation.
        """
        step = self._steps_before(epoch + 1)
        self._add_measure("Val/AP of classes", figures.by_class("map"), step)
        self.add_results(figures.scores, figures.labels, step)

    def add_evaluation_of_set(
        self, epoch: int, label_set: str, figures: Figures, names: Sequence[str]
    ) -> None:
        """Adds a histogram over classes and the confusion matrix of one of several label sets.

        Args:
            epoch, figures: as for `add_evaluation`.
            label_set: name of the set, a part of the tags.
            names: names of its classes.
        """
        step, matrix = self._steps_before(epoch + 1), self._cfg.TENSORBOARD.CONFUSION_MATRIX
        head, metric = next(iter(figures.class_columns.items()))
        tag = f"Val/{label_set}/{head} of classes"
        self._add_measure(tag, figures.by_class(metric), step)
        if matrix.ENABLE and figures.scores is not None:
            shares = confusion(figures.scores, figures.labels)
            picture = draw_confusion(shares, names, matrix.FIGSIZE, label_set)
            self.add_picture(f"Confusion/{label_set}", picture, step)

    def _add_measure(self, tag: str, values: np.ndarray, step: int) -> None:
        """Adds a histogram of values (C,) of classes, without nan."""
        known = values[~np.isnan(values)]
        if len(known):
            self._events.write("add_histogram", tag, known, step, bins=20)

    def add_results(
        self, scores: np.ndarray, labels: np.ndarray, step: int, origin: str = ""
    ) -> None:
        """Adds confusion matrices and histograms of predictions, if they are configured.

        Args:
            scores: (N, C); labels: (N, C) or (N,).
            origin: a part of the tags, for results that are not from an evaluation.
        """
        board = self._cfg.TENSORBOARD
        labels = one_hot(labels, scores.shape[1])
        if board.CONFUSION_MATRIX.ENABLE:
            shares = confusion(scores, labels)
            groups = {"all classes": self._matrix_classes} | self._categories
            for name, shown in groups.items():
                part = shares[np.ix_(shown, shown)]
                names = [self._names[number] for number in shown]
                picture = draw_confusion(part, names, board.CONFUSION_MATRIX.FIGSIZE, name)
                self.add_picture(f"Confusion{origin}/{name}", picture, step)
        if board.HISTOGRAM.ENABLE:
            pictures = draw_histograms(
                scores,
                labels,
                self._names,
                self._histogram_classes,
                board.HISTOGRAM.TOPK,
                board.HISTOGRAM.FIGSIZE,
            )
            for name, picture in pictures.items():
                self.add_picture(f"Predictions by class{origin}/{name}", picture, step)

    def add_clips(self, inputs: Sequence[Tensor], labels: Tensor) -> None:
        """Adds up to eight clips as the network gets them: one strip of frames per pathway.

        Args:
            inputs: (N, 3, T, H, W) per pathway, normalised; labels: (N, C) or (N,).
        """
        for number in range(min(_MOST_CLIPS, len(labels))):
            strips = [strip(self.frames_of(pathway[number])) for pathway in inputs]
            text = self.labels_of(labels[number])
            picture = captioned(stacked(strips), text)
            self.add_picture(f"Input/clip {number}", picture, self._done)

    def frames_of(self, clip: Tensor) -> np.ndarray:
        """Returns uint8 RGB (T, H, W, 3) of a clip (3, T, H, W) as the network gets it."""
        data = self._cfg.DATA
        return pixels_of(clip, data.MEAN, data.STD, sees_rgb(self._cfg))

    def labels_of(self, labels: Tensor) -> str:
        """Returns the names of the labels of a clip: (C,) of 0 to 1, or one class id."""
        # Smoothed labels are above 0 everywhere.
        own = (labels > labels.min()).nonzero().flatten().tolist() if labels.ndim else []
        numbers = own if labels.ndim else [int(labels)]
        return ", ".join(self._names[number] for number in numbers) or "no label"

    def name_of(self, number: int) -> str:
        """Returns the name of a class."""
        return self._names[number]

    def add_picture(self, tag: str, picture: np.ndarray, step: int) -> None:
        """Adds a picture, uint8 (H, W, 3)."""
        self._events.write("add_image", tag, picture, step, dataformats="HWC")

    def add_histogram(self, tag: str, values: Tensor, step: int) -> None:
        """Adds a histogram of all values of a tensor, unless one of them is not finite."""
        if torch.isfinite(values).all():
            self._events.write("add_histogram", tag, values.detach().float().cpu(), step)

    def close(self) -> None:
        self._events.write("close")
