"""The file system as users' code sees it: iopath's path manager, to which handlers can be added.

A handler registered here (``pathmgr.register_handler(HTTPURLHandler())``, say) serves the weights
that ``TRAIN.CHECKPOINT_FILE_PATH`` and ``TEST.CHECKPOINT_FILE_PATH`` name. Local paths need none.
"""

from iopath.common.file_io import PathManager, PathManagerFactory

pathmgr: PathManager = PathManagerFactory.get(key="pyslowfast")
