"""The loops: :func:`train` and :func:`test`, each read from top to bottom like a story."""

from slowfast.engine.testing import test
from slowfast.engine.training import train

__all__ = ["test", "train"]
