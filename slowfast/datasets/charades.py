"""Charades, read and sampled as upstream does it."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset, parts_from_cfg
from slowfast.datasets.build import DATASET_REGISTRY


@DATASET_REGISTRY.register()
class Charades(ClipDataset):
    """Clips as extracted frames; validation during training takes a random window and crop."""

    def __init__(self, cfg, split: str):
        super().__init__(**parts_from_cfg(cfg, split, "image", random_validation=True))
