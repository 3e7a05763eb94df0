"""The frames of a clip as its folder has them, for lists that do not tell them."""

from __future__ import annotations

import re

from slowfast.ak.paths import names_in

# A name that begins with a dot is no frame: such are the traces that some systems leave behind.
_FRAME = re.compile(r"(?!\.)(?:.*[^0-9])?([0-9]+)\.jpe?g", re.ASCII | re.IGNORECASE | re.DOTALL)


def frame_files(folder: str) -> list[str]:
    """The frames in a folder, `<name>_000012.jpg` or `12.jpg`, in the order of their numbers.

    Other files are passed over. Raises OSError where the folder cannot be listed.
    """
    frames = [
        (int(found[1]), found[0]) for found in map(_FRAME.fullmatch, names_in(folder)) if found
    ]
    return [name for _, name in sorted(frames)]
