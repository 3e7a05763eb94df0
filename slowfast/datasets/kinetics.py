"""Kinetics: a list of videos with one class each, read and sampled as upstream does it."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset, parts_from_cfg
from slowfast.datasets.build import DATASET_REGISTRY


@DATASET_REGISTRY.register()
class Kinetics(ClipDataset):
    """Clips as videos; train.csv, val.csv and test.csv hold lines `path label`, without a header.

    Paths are absolute or start below DATA.PATH_PREFIX. Frames are counted at DATA.TARGET_FPS a
    second; validation during training takes a random window and crop.
    """

    def __init__(self, cfg, split: str):
        data = cfg.DATA
        parts = parts_from_cfg(
            cfg, split, "video", True, videos=data.PATH_PREFIX, fps=data.TARGET_FPS
        )
        super().__init__(**parts)
