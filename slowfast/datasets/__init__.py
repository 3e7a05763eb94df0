"""Data sets, found by name, and their loaders. One file for each data set registers it."""

import sys

from slowfast.ak.registries.registry import import_all
from slowfast.datasets.ak import Ak
from slowfast.datasets.build import DATASET_REGISTRY, build_dataset
from slowfast.datasets.charades import Charades
from slowfast.datasets.imagenet import Imagenet
from slowfast.datasets.kinetics import Kinetics
from slowfast.datasets.mammalnet import Mammalnet
from slowfast.datasets.ssv2 import Ssv2

import_all(sys.modules[__name__])

__all__ = [
    "DATASET_REGISTRY",
    "Ak",
    "Charades",
    "Imagenet",
    "Kinetics",
    "Mammalnet",
    "Ssv2",
    "build_dataset",
]
