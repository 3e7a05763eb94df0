"""The data set Animal Kingdom as upstream's loops expect it: one item is one view of a clip.

Upstream's own loader, or any DataLoader with torch's default_collate, can batch the items.
`slowfast.ak.upstream.loader` reads whole clips (`Ak.clips`) instead.
"""

from __future__ import annotations

import logging

from slowfast.ak.clips import animal_kingdom
from slowfast.ak.clips.view_items import ViewItems
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import DATASETS

logger = logging.getLogger(__name__)

# Keys that upstream reads in its data sets and that `Ak` serves with one value only.
_NOT_SERVED = {
    "MULTIGRID.SHORT_CYCLE": False,
    "AUG.NUM_SAMPLE": 1,
    "AUG.GEN_MASK_LOADER": False,
    "DATA.TRAIN_CROP_NUM_TEMPORAL": 1,
    "DATA.TRAIN_CROP_NUM_SPATIAL": 1,
}


# How upstream's own data sets write their lists, in which the clips of each class are counted.
_UPSTREAM_LISTS = {
    "Charades": {"list_format": "header"},
    "Kinetics": {"list_format": "pairs", "has_test_list": True, "always_rgb": True},
}


def register_ak(with_time: bool) -> None:
    """Registers `Ak` with the checkout, unless the checkout has a data set of that name.

    Args:
        with_time: whether a batch of the checkout has five fields, with time, or four.
    """
    from slowfast.datasets.build import DATASET_REGISTRY

    for name, facts in _UPSTREAM_LISTS.items():
        if name not in DATASETS:
            DATASETS.register(name, **facts)(None)
    Ak.with_time = with_time
    if "Ak" not in DATASET_REGISTRY:
        DATASET_REGISTRY.register(Ak)
    elif DATASET_REGISTRY.get("Ak") is not Ak:
        logger.warning(
            "This checkout has its own data set Ak, which is used and which the checkout's loader "
            "reads. Rename it to use the one of slowfast.ak."
        )


def is_ak(dataset_name: str) -> bool:
    """Returns whether a name in a configuration stands for `Ak` or a class derived from it."""
    from slowfast.datasets.build import DATASET_REGISTRY

    name = dataset_name.capitalize()
    found = DATASET_REGISTRY.get(name) if name in DATASET_REGISTRY else None
    return isinstance(found, type) and issubclass(found, Ak)


class Ak(ViewItems):
    """`ViewItems` of Animal Kingdom, or of a data set with the same layout.

    Raises:
        UserError: a key has a value that this data set does not serve.
    """

    with_time = True

    def __init__(self, cfg, split: str) -> None:
        _check_served(cfg, split)
        # In a spawned worker the class has the default of `with_time`.
        super().__init__(animal_kingdom.Ak(cfg, split), cfg, type(self).with_time)


def _check_served(cfg, split: str) -> None:
    for key, served in _NOT_SERVED.items():
        group, name = key.split(".")
        found = cfg.get(group, {}).get(name, served)
        if found != served:
            raise UserError(f"{key}: found {found}; the data set ak only takes {served}.")
    scales, ratios = cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE, cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE
    if split == "train" and bool(scales) != bool(ratios):
        raise UserError(
            f"DATA.TRAIN_JITTER_SCALES_RELATIVE, DATA.TRAIN_JITTER_ASPECT_RELATIVE: found {scales} "
            f"and {ratios}; a random resized crop needs both, such as [0.08, 1.0] and [0.75, "
            "1.3333]. Set both, or leave both empty."
        )
    views, crops = cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS
    if split == "test" and min(views, crops) < 1:
        raise UserError(
            f"TEST.NUM_ENSEMBLE_VIEWS, TEST.NUM_SPATIAL_CROPS: found {views} and {crops}, expected "
            "numbers of at least 1. -1 stands for several tests, and this checkout's test program "
            "would have to build a loader for each; set one number, and run one test for each."
        )
