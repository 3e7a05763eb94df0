"""The path manager with which all files are opened."""

import os

from iopath.common.file_io import PathManager, PathManagerFactory

pathmgr: PathManager = PathManagerFactory.get(key="pyslowfast")
checkpoint_pathmgr: PathManager = pathmgr


def setup_environment() -> None:
    os.environ["LOOKALIKE_IS_SET_UP"] = "yes"
