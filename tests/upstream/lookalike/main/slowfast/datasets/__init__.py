"""Data sets by name."""

from slowfast.datasets.build import DATASET_REGISTRY, build_dataset
from slowfast.datasets.charades import Charades

__all__ = ["DATASET_REGISTRY", "Charades", "build_dataset"]

try:
    from slowfast.datasets import ptv_datasets  # noqa: F401
except Exception as reason:
    print(f"pytorchvideo's data sets are left out: {reason}")
