"""How this branch differs, for the files that both branches share."""

from slowfast.utils.env import checkpoint_pathmgr as checkpoint_pathmgr

CHECKS_FOR_NO_GPU = True
DETACHES_FINAL_FC = True
FINAL_MAP_IS_TEXT = True
WRITES_JSON_FILE = True
# The fields of an item after frames, labels and index.
ITEM_ENDS_WITH = (0, {})
