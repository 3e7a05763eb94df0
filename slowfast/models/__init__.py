"""Networks. Importing this package imports every file in it, so that each registers its network."""

import sys
from typing import Any

from slowfast.ak.registries.registry import import_all
from slowfast.models.build import MODEL_REGISTRY, build_model

import_all(sys.modules[__name__])

__all__ = ["MODEL_REGISTRY", "build_model"]


def __getattr__(name: str) -> Any:
    """The network of a name, as in ``from slowfast.models import SlowFast``."""
    if name in MODEL_REGISTRY:
        return MODEL_REGISTRY[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
