"""Small pictures of clips as data URIs: the middle frame, read by the data set."""

import base64
import logging
from collections.abc import Iterable

import cv2
import numpy as np

logger = logging.getLogger(__name__)

SIDE = 256  # pixels of the longer side
QUALITY = 72
BUDGET = 1_500_000  # characters of all pictures, so that the page can be sent by mail


def clip_stills(dataset: object, clips: Iterable[int], budget: int = BUDGET) -> dict[int, str]:
    """Returns a data URI by clip until the budget is used up; none for a clip that cannot be read.

    Args:
        dataset: a data set with a ``reader``, such as `slowfast.ak.clips.dataset.ClipDataset`;
            others give no pictures.
        clips: numbers of clips, the most important first.
    """
    reader = getattr(dataset, "reader", None)
    if reader is None:
        return {}
    found: dict[int, str] = {}
    for clip in dict.fromkeys(clips):
        try:
            (frame,) = reader.read(clip, [reader.num_frames(clip) // 2])
        except Exception as error:  # a report without a picture is better than no report
            logger.debug("No picture of clip %s: %s", clip, error)
            continue
        uri = to_data_uri(frame)
        if len(uri) <= budget:
            found[clip] = uri
            budget -= len(uri)
    return found


def to_data_uri(frame: np.ndarray) -> str:
    """Returns a JPEG of an RGB uint8 (H, W, 3) frame, with a longer side of at most SIDE pixels."""
    height, width = frame.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    pixels = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} cannot be encoded")
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
