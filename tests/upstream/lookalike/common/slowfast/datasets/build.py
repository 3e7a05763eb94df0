"""The registry of data sets."""

from fvcore.common.registry import Registry

DATASET_REGISTRY = Registry("DATASET")


def build_dataset(dataset_name, cfg, split):
    make = DATASET_REGISTRY.get(dataset_name.capitalize())
    return make(cfg, split)
