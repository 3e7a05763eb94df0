"""The data set ``kinetics``: lists of videos with one class each, sampled as upstream does it."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS, WAYS_TO_MAKE_CLIPS


@DATASETS.register(
    "Kinetics",
    list_format="pairs",
    has_test_list=True,
    frames="video",
    videos_in_prefix=True,
    frame_rate_key="DATA.TARGET_FPS",
    spreads_windows=True,
    random_validation=True,
    always_rgb=True,
    own_keys=(*WAYS_TO_MAKE_CLIPS, *CLIPS_OF_A_VIDEO),
    aliases=("ptvkinetics",),
)
class Kinetics(ClipDataset):
    """Clips as videos; train.csv, val.csv and test.csv have lines `path label` and no header.

    Paths are absolute or below DATA.PATH_PREFIX. Windows count frames at DATA.TARGET_FPS a second.
    Validation during training takes a random window and crop.

    Args:
        mode: train, val or test.
        num_retries: not used; upstream's callers pass it.
    """

    def __init__(self, cfg, mode: str, num_retries: int = 100):
        super().__init__(**clip_dataset_arguments(cfg, mode, DATASETS.facts("Kinetics")))
