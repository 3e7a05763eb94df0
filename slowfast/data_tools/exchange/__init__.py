"""Events in the formats of other programs: what `slowfast.data_tools.events` reads, written.

Each format is one file, which adds itself to `writer.WRITERS`. To add a format, add a file with a
function that writes films, and a call of `add_writer`.

film          a video with its events, in seconds and in frames
report        what a format could not hold, by kind, with the first place of each
observations  films on the time axes of BORIS's observations
convert       from a file of one format to a file of another
"""

import sys

from slowfast.ak.registries.registry import import_all
from slowfast.data_tools.exchange.writer import WRITERS

__all__ = ["WRITERS"]

import_all(sys.modules[__name__])
