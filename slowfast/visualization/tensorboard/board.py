"""A run's event files: curves, histograms of average precision, confusions, and clips.

Notable: a run that is taken up again writes to the same folder, and what lay after the moment at
which it goes on is no longer shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.metrics.average_precision import average_precision
from slowfast.utils import distributed
from slowfast.visualization.tensorboard.confusion import (
    confusion,
    draw_confusion,
    draw_histograms,
    one_hot,
)
from slowfast.visualization.tensorboard.events import Events
from slowfast.visualization.tensorboard.names import categories, class_names, subset
from slowfast.visualization.tensorboard.pictures import captioned, pixels_of, stacked, strip

# Lines of json_stats that are points on curves, and what their tags begin with.
_PARTS = {"train_iter_": "Train", "train_epoch": "Epoch", "val_epoch": "Val"}
_NO_CURVES = {"best_epoch"}
_MOST_CLIPS = 8


def log_dir(cfg: CfgNode) -> Path:
    """TENSORBOARD.LOG_DIR below OUTPUT_DIR; ``runs-<data set>`` where that is empty."""
    name = cfg.TENSORBOARD.LOG_DIR or f"runs-{cfg.TRAIN.DATASET}"
    return Path(cfg.OUTPUT_DIR, name)


class Board:
    """Writes the events of one run.

    Args:
        classes: names of the data set's classes, where they are known.
        steps: of an epoch; a point's place on the axis is the number of steps done before it.
        done: steps that are done when the run goes on (`Events`).

    Raises:
        UserError: the package tensorboard is missing, the folder cannot be written, or a file that
            TENSORBOARD names cannot be read.
    """

    def __init__(
        self, cfg: CfgNode, classes: ClassTable | None, steps: int = 1, done: int | None = None
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
        cls, cfg: CfgNode, classes: ClassTable | None, steps: int = 1, done: int | None = None
    ) -> Board | None:
        """The board of a run; None where TENSORBOARD.ENABLE is False, and on other processes."""
        if not (cfg.TENSORBOARD.ENABLE and distributed.is_master_proc()):
            return None
        return cls(cfg, classes, steps, done)

    def add_line(self, stats: Mapping[str, Any]) -> None:
        """The figures of a line of json_stats, each a point on a curve such as ``Train/loss``."""
        part = _PARTS.get(stats["_type"])
        if part is None:
            return
        epoch = _first_number(stats["epoch"])
        done = (epoch - 1) * self._steps + _first_number(stats.get("iter", str(self._steps)))
        for name, value in stats.items():
            if name not in _NO_CURVES and isinstance(value, int | float) and value == value:
                self._events.write("add_scalar", f"{part}/{name}", value, done)
        if part != "Train":
            self._events.write("flush")

    def add_evaluation(self, epoch: int, scores: Tensor, labels: Tensor) -> None:
        """What TENSORBOARD asks to be drawn of an evaluation, and how average precision is
        distributed over the classes.

        Args:
            epoch: after which it was made, 0-based.
            scores: (N, C); labels: (N, C) or (N,).
        """
        step, scores = (epoch + 1) * self._steps, np.asarray(scores)
        labels = one_hot(np.asarray(labels), scores.shape[1])
        precision = average_precision(scores, labels)
        known = precision[~np.isnan(precision)]
        if len(known):
            self._events.write("add_histogram", "Val/AP of classes", known, step, bins=20)
        self.add_results(scores, labels, step)

    def add_results(
        self, scores: np.ndarray, labels: np.ndarray, step: int, origin: str = ""
    ) -> None:
        """Confusion matrices and histograms of predictions, where they are asked for.

        Args:
            scores: (N, C); labels: (N, C) or (N,).
            origin: of these, for the tags, where it is not an evaluation.
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
        """Up to eight clips as the network is given them first: a strip of frames a pathway.

        Args:
            inputs: (N, 3, T, H, W) a pathway, normalised; labels: (N, C) or (N,).
        """
        for number in range(min(_MOST_CLIPS, len(labels))):
            strips = [strip(self.frames_of(pathway[number])) for pathway in inputs]
            text = self.labels_of(labels[number])
            picture = captioned(stacked(strips), text)
            self.add_picture(f"Input/clip {number}", picture, self._done)

    def frames_of(self, clip: Tensor) -> np.ndarray:
        """uint8 RGB (T, H, W, 3) of a clip (3, T, H, W) as the network is given it."""
        data = self._cfg.DATA
        return pixels_of(clip, data.MEAN, data.STD, sees_rgb(self._cfg))

    def labels_of(self, labels: Tensor) -> str:
        """The names of a clip's labels: (C,) of 0 and 1, mixed or not, or a class."""
        # Smoothed labels are above 0 everywhere.
        own = (labels > labels.min()).nonzero().flatten().tolist() if labels.ndim else []
        numbers = own if labels.ndim else [int(labels)]
        return ", ".join(self._names[number] for number in numbers) or "no label"

    def name_of(self, number: int) -> str:
        return self._names[number]

    def add_picture(self, tag: str, picture: np.ndarray, step: int) -> None:
        """A picture uint8 (H, W, 3)."""
        self._events.write("add_image", tag, picture, step, dataformats="HWC")

    def add_histogram(self, tag: str, values: Tensor, step: int) -> None:
        """A histogram of all values of a tensor, unless one of them is not finite."""
        if torch.isfinite(values).all():
            self._events.write("add_histogram", tag, values.detach().float().cpu(), step)

    def close(self) -> None:
        self._events.write("close")


def _first_number(share: str) -> int:
    """3 of "3/200"."""
    return int(share.partition("/")[0])
