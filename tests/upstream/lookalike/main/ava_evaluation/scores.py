"""Scores of detections."""

import numpy as np


def share_found(found):
    return float(np.asarray(found, dtype=bool).mean())
