"""Data sets by name."""

from __future__ import annotations

from fvcore.common.registry import Registry
from torch.utils.data import Dataset

from slowfast.ak.errors import UserError

DATASET_REGISTRY = Registry("DATASET")
DATASET_REGISTRY.__doc__ = """
Classes to call with (cfg, split), split being train, val or test. `build_dataset("ak", ...)` looks
up the class called `Ak`; register your own with `@DATASET_REGISTRY.register()`.
"""


def build_dataset(dataset_name: str, cfg, split: str) -> Dataset:
    """The data set that is registered under the name with its first letter in upper case."""
    name = dataset_name.capitalize()
    if name not in DATASET_REGISTRY:
        known = ", ".join(sorted(key.lower() for key, _ in DATASET_REGISTRY))
        raise UserError(f"there is no data set {dataset_name!r}; there are: {known}.")
    return DATASET_REGISTRY.get(name)(cfg, split)
