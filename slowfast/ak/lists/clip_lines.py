"""The lines of lists that have one line a clip, and leave its frames to be found on disk.

A light list has a header, and a clip's labels after a semicolon; other work on Animal Kingdom has
its lists so, since the list of all frames is slow to read elsewhere:

    video_id;labels
    AAACXZTV;"2,40"

A list of pairs, as for Kinetics, has no header: a video, a separator, one label. The separator may
be part of the video's path, and nothing is quoted:

    dancing/my clip.mp4 7
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from slowfast.ak.errors import UserError
from slowfast.ak.lists.blocks import Block
from slowfast.ak.lists.frame_lines import Run


def read_light(blocks: Iterable[Block], name: str) -> Iterator[Run]:
    """A run for each line of a light list below its header; blank lines are passed over.

    Raises UserError, with `name` and the line, for a line that is not a clip and its labels.
    """
    for line, text in _written(blocks):
        try:
            clip, labels = next(csv.reader([text], delimiter=";", strict=True))
        except (csv.Error, ValueError):
            clip = labels = ""
        if not clip:
            raise UserError(
                f"{name}:{line}: expected a clip, a semicolon and its labels, as in "
                f'AAACXZTV;"2,40", found {text[:100]!r}.'
            )
        yield Run(_bytes(clip), b"", _bytes(labels), 1, line)


def read_pairs(blocks: Iterable[Block], name: str, separator: str) -> Iterator[Run]:
    """A run for each line of a list of pairs; blank lines are passed over.

    Raises UserError, with `name` and the line, for a line that is not a path, the separator and
    one label.
    """
    for line, text in _written(blocks):
        path, _, label = text.rpartition(separator)
        # "-1" and "1,2" are labels to nobody; where there is no separator, `path` is empty.
        if not path or not (label.isascii() and label.isdigit()):
            raise UserError(
                f"{name}:{line}: expected a path, {separator!r} and one label, a whole number from "
                f"0 on, found {text[:100]!r}. DATA.PATH_LABEL_SEPARATOR names what parts the two."
            )
        yield Run(_bytes(path), b"", _bytes(label), 1, line)


def _written(blocks: Iterable[Block]) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are not blank, without their ends."""
    for first, block in blocks:
        lines = block.decode("utf-8", "surrogateescape").split("\n")
        for line, text in enumerate(lines, first):
            if text.strip():
                yield line, text.removesuffix("\r")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
