"""Data sets by name."""

from slowfast.datasets import ptv_datasets
from slowfast.datasets.build import DATASET_REGISTRY, build_dataset
from slowfast.datasets.charades import Charades

__all__ = ["DATASET_REGISTRY", "Charades", "build_dataset", "ptv_datasets"]
