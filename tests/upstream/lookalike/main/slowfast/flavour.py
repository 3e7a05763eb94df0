"""What the files common to both branches do differently here."""

CHECKS_FOR_NO_GPU = True
DETACHES_FINAL_FC = True
FINAL_MAP_IS_TEXT = True
WRITES_JSON_FILE = True
# What an item carries after frames, labels and index.
ITEM_ENDS_WITH = (0, {})
