"""Data sets, by name, and their loaders."""

from slowfast.ak.clips.dataset import Ak
from slowfast.datasets.build import DATASET_REGISTRY, build_dataset
from slowfast.datasets.charades import Charades
from slowfast.datasets.kinetics import Kinetics

__all__ = ["DATASET_REGISTRY", "Ak", "Charades", "Kinetics", "build_dataset"]

DATASET_REGISTRY.register(Ak)
