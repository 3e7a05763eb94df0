"""The data set Animal Kingdom, and any data set with the same layout."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import centre_crop_problems, clip_dataset_arguments
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS, WAYS_TO_MAKE_CLIPS


@DATASETS.register(
    "Ak",
    list_format="header",
    frames="AK.FRAMES",
    problems=centre_crop_problems,
    own_keys=(*WAYS_TO_MAKE_CLIPS, *CLIPS_OF_A_VIDEO),
)
class Ak(ClipDataset):
    """Clips as images or videos, as AK.FRAMES says; val.csv is also the list of the test.

    Validation during training is the same each time: centre window, centre crop.
    """

    def __init__(self, cfg, split: str):
        super().__init__(**clip_dataset_arguments(cfg, split, DATASETS.facts("Ak")))
