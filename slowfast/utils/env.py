"""Front door: the path manager, to which handlers of remote files are added, by upstream's module
name."""

from slowfast.ak.paths import pathmgr

__all__ = ["pathmgr"]
