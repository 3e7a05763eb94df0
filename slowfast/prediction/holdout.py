"""Scores of the hold-out of a training, from which thresholds are chosen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.clips.loader import make_loader, settings_from_cfg
from slowfast.ak.clips.sampling import even_frame_sampler
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import chosen_on
from slowfast.ak.registries.datasets import facts_for
from slowfast.engine.testing import TestPass
from slowfast.prediction.model import Model


class Scored(NamedTuple):
    """Scores and labels of the clips of a hold-out.

    Attributes:
        scores: (N, C) float32 of the predicted classes.
        labels: (N, C) of 0 and 1.
        clips: which clips they are, in words.
    """

    scores: np.ndarray
    labels: np.ndarray
    clips: str


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
    frames = cfg.DATA.SAMPLING, cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE
    arguments["frame_sampler"] = even_frame_sampler(*frames)
    arguments["transform"] = UniformCrops(cfg.DATA.TEST_CROP_SIZE, cfg.PREDICT.SPATIAL_CROPS)
    loader = make_loader(ClipDataset(**arguments), "test", **settings_from_cfg(cfg, "test"))
    task, precision = model.load()
    combine = torch.amax if cfg.DATA.ENSEMBLE_METHOD == "max" else torch.mean
    scoring = TestPass(task, precision, cfg.PREDICT.BATCH_SIZE, combine)
    rows = scoring.run(loader, task.network, "hold-out")
    classes, targets = list(model.classes.predicted), rows.targets
    if targets.ndim == 1:
        targets = torch.nn.functional.one_hot(targets.long(), len(model.classes.names))
    scores, labels = rows.scores[:, classes].numpy(), targets[:, classes].numpy()
    return Scored(scores, labels, chosen_on(cfg))
