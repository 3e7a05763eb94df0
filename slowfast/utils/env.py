"""Front door: the path manager for remote files, at upstream's path."""

from slowfast.ak.paths import pathmgr

__all__ = ["pathmgr"]
