"""The ethogram of videos as pages and as a picture: `write_ethogram(folder, videos, bouts)`.

A page shows one video beside a time line of its classes, on which a person corrects the bouts.
``index.html`` leads to the pages of all videos. The pages open from disk, without a network.

record   what a page shows, as JSON
page     names of the pages, and writing them
picture  the bouts of all videos as a figure for a paper
"""

from slowfast.visualization.ethogram.page import write_ethogram
from slowfast.visualization.ethogram.picture import draw_ethogram

__all__ = ["draw_ethogram", "write_ethogram"]
