"""How this branch differs, for the files that both branches share."""

from iopath.common.file_io import g_pathmgr as checkpoint_pathmgr

CHECKS_FOR_NO_GPU = False
DETACHES_FINAL_FC = False
FINAL_MAP_IS_TEXT = False
WRITES_JSON_FILE = False
# The fields of an item after frames, labels and index.
ITEM_ENDS_WITH = ({},)

__all__ = ["checkpoint_pathmgr"]
