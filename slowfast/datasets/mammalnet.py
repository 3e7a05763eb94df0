"""The data set ``mammalnet``: lists of videos with a behaviour and an animal each."""

from __future__ import annotations

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS, WAYS_TO_MAKE_CLIPS


@DATASETS.register(
    "Mammalnet",
    list_format="pairs",
    label_columns=("behavior", "animal"),
    has_test_list=True,
    frames="video",
    videos_in_prefix=True,
    frame_rate_key="DATA.TARGET_FPS",
    spreads_windows=True,
    random_validation=True,
    always_rgb=True,
    own_keys=(*WAYS_TO_MAKE_CLIPS, *CLIPS_OF_A_VIDEO),
    aliases=("mammalnet_behavior_composition", "animalnet_behavior_composition"),
)
class Mammalnet(ClipDataset):
    """Clips as videos; train.csv, val.csv and test.csv have lines `path behaviour animal`.

    DATA.PATH_LABEL_SEPARATOR is between the fields. The labels of an item are a dict with the
    classes `behavior` and `animal`, below MODEL.NUM_CLASSES_BEHAVIOR and MODEL.NUM_CLASSES_ANIMAL.
    Otherwise clips are read and sampled as for the data set ``kinetics``.
    """

    def __init__(self, cfg, split: str):
        super().__init__(**clip_dataset_arguments(cfg, split, DATASETS.facts("Mammalnet")))
