"""Small pictures of clips as data URIs: the middle frame, read by the data set."""

import logging
from collections.abc import Iterable

from slowfast.visualization.page.pictures import data_uri, to_jpeg

logger = logging.getLogger(__name__)

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
        uri = data_uri(to_jpeg(frame))
        if len(uri) <= budget:
            found[clip] = uri
            budget -= len(uri)
    return found
