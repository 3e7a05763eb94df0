"""What the files common to both branches do differently here."""

CHECKS_FOR_NO_GPU = False
DETACHES_FINAL_FC = False
FINAL_MAP_IS_TEXT = False
WRITES_JSON_FILE = False
# What an item carries after frames, labels and index.
ITEM_ENDS_WITH = ({},)
