"""The data set ``charades``, read and sampled as upstream does it."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS


@DATASETS.register(
    "Charades",
    list_format="header",
    frames="image",
    random_validation=True,
    own_keys=CLIPS_OF_A_VIDEO,
    aliases=("ptvcharades",),
)
class Charades(ClipDataset):
    """Clips as extracted frames; validation during training takes a random window and crop.

    Args:
        mode: train, val or test.
        num_retries: not used; upstream's callers pass it.
    """

    def __init__(self, cfg, mode: str, num_retries: int = 10):
        super().__init__(**clip_dataset_arguments(cfg, mode, DATASETS.facts("Charades")))
