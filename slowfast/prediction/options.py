"""How the scores of windows become scores over time and bouts, and where thresholds come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import nearest
from slowfast.ethograms.bouts import BoutRules, find_bouts
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.ethograms.smoothing import odd_width, smooth
from slowfast.ethograms.thresholds import DEFAULT, FILE, read_thresholds
from slowfast.prediction.model import Model
from slowfast.utils import logging

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Postprocessing:
    """What happens to the scores of a video.

    Attributes:
        smoothing: mean, median or nothing.
        smoothing_seconds: over which time.
        rules: how scores become bouts.
        thresholds_from: where the thresholds come from, in words.
    """

    smoothing: str
    smoothing_seconds: float
    rules: BoutRules
    thresholds_from: str

    @classmethod
    def from_model(cls, model: Model) -> Postprocessing:
        """Reads PREDICT.* of the model's configuration, and the file of thresholds.

        Raises:
            UserError: the thresholds or the groups of classes do not fit the classes.
        """
        predict, classes = model.cfg.PREDICT, model.classes.predicted_names
        thresholds, source = _thresholds(model, classes)
        return cls(
            predict.SMOOTHING,
            predict.SMOOTHING_SECONDS,
            BoutRules(
                thresholds,
                predict.MERGE_GAP,
                predict.MIN_BOUT,
                _groups(model.cfg, classes, model.classes.without_clips),
            ),
            source,
        )

    def apply(self, video: VideoScores) -> tuple[VideoScores, list[Bout]]:
        """The smoothed scores of a video, and its bouts."""
        scores = video.scores
        if self.smoothing and len(scores):
            width = odd_width(self.smoothing_seconds, float(np.median(np.diff(video.times))))
            scores = smooth(scores, self.smoothing, width)
        smoothed = VideoScores(video.video, video.classes, video.times, video.frames, scores)
        return smoothed, find_bouts(smoothed, self.rules)

    def as_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """The settings as plain values, for a summary."""
        rules = self.rules
        return {
            "smoothing": self.smoothing or None,
            "smoothing_seconds": self.smoothing_seconds if self.smoothing else None,
            "merge_gap_seconds": rules.merge_gap,
            "min_bout_seconds": rules.min_bout,
            "exclusive": [[classes[number] for number in group] for group in rules.exclusive],
            "thresholds_from": self.thresholds_from,
            "thresholds": dict(zip(classes, map(float, rules.thresholds), strict=True)),
        }


def _thresholds(model: Model, classes: Sequence[str]) -> tuple[np.ndarray, str]:
    predict = model.cfg.PREDICT
    if predict.THRESHOLD is not None:
        words = f"PREDICT.THRESHOLD {predict.THRESHOLD:g}"
        return np.full(len(classes), predict.THRESHOLD), words
    given = predict.THRESHOLDS_FILE
    path = Path(given) if given else Path(model.path).with_name(FILE)
    if not path.is_file():
        if given:
            raise UserError(f"PREDICT.THRESHOLDS_FILE: there is no file {given}.")
        logger.warning(
            f"The threshold of every class is {DEFAULT}, since there is no {path}. Scores of rare "
            "classes seldom reach it. tools/choose_thresholds.py finds a better one for each class."
        )
        return np.full(len(classes), DEFAULT), f"the default, {DEFAULT}"
    found = read_thresholds(path)
    missing = [name for name in classes if name not in found.values]
    extra = [name for name in found.values if name not in model.classes.names]
    if missing or extra:
        words = [f"lacks {', '.join(missing[:5])}"] if missing else []
        words += [f"has {', '.join(extra[:5])}, which the network does not have"] if extra else []
        raise UserError(
            f"{path}: has thresholds of {len(found.values)} classes, and {len(classes)} are "
            f"predicted: it {' and '.join(words)}. Choose thresholds again with "
            "tools/choose_thresholds.py, or give one for all classes as PREDICT.THRESHOLD."
        )
    if found.checkpoint and found.checkpoint != model.digest:
        logger.warning(
            f"{path}: was chosen with other weights than {model.path}. Choose thresholds again "
            "with tools/choose_thresholds.py, if the scores of these weights differ."
        )
    return np.array([found.values[name] for name in classes]), str(path)


def _groups(
    cfg: CfgNode, classes: Sequence[str], without_clips: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    groups = []
    for group in cfg.PREDICT.EXCLUSIVE:
        if not isinstance(group, list | tuple):
            raise UserError(
                f"PREDICT.EXCLUSIVE: found {cfg.PREDICT.EXCLUSIVE!r}; expected a list of groups, "
                "such as [[walking, resting]]."
            )
        names = classes if list(group) == ["*"] else list(map(str, group))
        for name in names:
            if name not in classes and name not in without_clips:
                near = nearest(name, classes)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise UserError(f"PREDICT.EXCLUSIVE: there is no class {name!r}.{hint}")
        groups.append(tuple(classes.index(name) for name in names if name in classes))
    return tuple(groups)
