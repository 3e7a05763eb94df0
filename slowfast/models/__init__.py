"""Networks. Importing this package imports every file in it, so that each registers its network."""

import sys

from slowfast.ak.registries.registry import import_all
from slowfast.models.build import MODEL_REGISTRY, build_model

import_all(sys.modules[__name__])

__all__ = ["MODEL_REGISTRY", "build_model"]
