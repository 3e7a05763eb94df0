"""Overrides KEY VALUE that follow paths on a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from slowfast.config.keys import known_keys


def split_at_first_key(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separates paths from the overrides KEY VALUE, which begin at the first key."""
    known = known_keys()
    first = next(
        (
            number
            for number, word in enumerate(words)
            if word in known
            or (re.fullmatch(r"[A-Z0-9_]+(\.[A-Z0-9_]+)+", word) and not Path(word).exists())
        ),
        len(words),
    )
    return list(words[:first]), list(words[first:])
