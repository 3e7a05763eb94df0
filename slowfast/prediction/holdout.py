"""Scores and labels of a hold-out, clips or whole videos, from which thresholds are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import one_hot

from slowfast.ak.classes.label_sets import by_set, of_set
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments, sampling
from slowfast.ak.clips.loader import make_loader, settings_from_cfg
from slowfast.ak.clips.sampling import even_frame_sampler
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import chosen_on
from slowfast.ak.registries.datasets import facts_for
from slowfast.engine.testing import TestPass
from slowfast.ethograms.agreement.evaluation import Evaluation
from slowfast.ethograms.agreement.side import Side, read_side
from slowfast.prediction.model import Model
from slowfast.prediction.scoring import side_by_side


class Scored(NamedTuple):
    """Scores and labels of a hold-out.

    Attributes:
        scores: (N, C) float32 of clips, or of cells of videos.
        labels: (N, C) of 0 and 1.
        classes: C names.
        source: what they are, in words.
        videos: (N,) numbers of the videos of cells; None for clips.
        notes: what was left out or assumed, in sentences.
    """

    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: str
    videos: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def score_holdout(model: Model) -> Scored:
    """Scores the validation clips of the model's data set as a prediction scores a window.

    They are the clips of AK.HOLDOUT, or of val.csv. Each gives the window in its centre, with
    PREDICT.SPATIAL_CROPS crops.

    Raises:
        UserError: the clips cannot be read.
    """
    cfg, facts = model.cfg, facts_for(model.cfg)
    if not facts.list_format:
        raise UserError(
            f"TRAIN.DATASET {cfg.TRAIN.DATASET}: has no lists of clips, so that its validation "
            "clips are not known."
        )
    arguments = clip_dataset_arguments(cfg, "val", facts)
    frames = sampling(cfg, facts), cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE
    arguments["frame_sampler"] = even_frame_sampler(*frames)
    arguments["transform"] = UniformCrops(cfg.DATA.TEST_CROP_SIZE, cfg.PREDICT.SPATIAL_CROPS)
    loader = make_loader(ClipDataset(**arguments), "test", **settings_from_cfg(cfg, "test"))
    task, precision = model.load()
    combine = torch.amax if cfg.DATA.ENSEMBLE_METHOD == "max" else torch.mean
    scoring = TestPass(task, precision, cfg.PREDICT.BATCH_SIZE, combine)
    rows = scoring.run(loader, task.network, "hold-out")
    classes, targets = list(model.classes.predicted), []
    for name, scores in by_set(rows.scores).items():
        own = of_set(rows.targets, name)
        targets.append(own if own.ndim == 2 else one_hot(own.long(), scores.shape[1]))
    scores, labels = (
        each[:, classes].numpy() for each in (side_by_side(rows.scores), torch.cat(targets, dim=1))
    )
    return Scored(scores, labels, model.classes.predicted_names, chosen_on(cfg))


def score_events(truth: Side, predictions: Path, videos: Path | None = None) -> Scored:
    """The scores of predicted videos, and whether a person saw each class there.

    A cell, the time between two edges of windows, has the mean score of the windows that cover it.
    It has a class if at least half of its frames have it. Cells that were not observed or not
    scored do not count.

    Args:
        truth: events of a person.
        predictions: the folder of a prediction.
        videos: folder of the videos; None: the paths of the prediction lead to them.

    Raises:
        UserError: the folder has no scores, or no video is in both.
    """
    side = read_side(predictions)
    if not side.scores:
        raise UserError(
            f"{predictions}: has no scores of windows; expected a folder of tools/predict.py."
        )
    evaluation = Evaluation(truth, [side], videos)
    scores, labels, numbers = [], [], []
    for number, video in enumerate(evaluation.videos()):
        (own,) = video.scores
        if own is None:
            continue
        shown = video.grid.shown(video.events, own.classes)
        observed = np.ones(video.grid.frames, bool)
        for start, stop in video.unknown:
            observed[slice(*video.grid.span(start, stop))] = False
        lengths = np.diff(own.frames)
        share = np.add.reduceat(shown, own.frames[:-1], axis=0, dtype=np.int64) / lengths[:, None]
        seen = np.add.reduceat(observed, own.frames[:-1], dtype=np.int64) == lengths
        kept = seen & ~np.isnan(own.scores).any(axis=1)
        scores.append(own.scores[kept])
        labels.append(share[kept] >= 0.5)
        numbers.append(np.full(int(kept.sum()), number))
    if not sum(map(len, scores)):
        raise UserError(f"{predictions}: has no scores in times that {truth.path} observed.")
    return Scored(
        np.concatenate(scores),
        np.concatenate(labels),
        side.classes,
        f"{len(scores)} videos of {truth.path}",
        np.concatenate(numbers),
        (*truth.notes, *evaluation.notes),
    )
