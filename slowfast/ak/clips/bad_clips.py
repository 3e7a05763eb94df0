"""Clips that could not be read, or not wholly: how an item tells the process that trains or tests.

An item's `meta` holds them as a text, which any collate takes: torch's makes a list of a batch's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

_KEY = "flaws"
_CONSEQUENCES = {
    "bad": "Another clip takes its place.",
    "missing": "It is left out of all figures.",
    "incomplete": "What lacks is filled up from the rest.",
}


class Flaw(NamedTuple):
    """What is wrong with a clip, in words, and what became of it.

    kind: bad (another clip took its place), missing (the item is black, and not to be scored) or
    incomplete (what could not be read was filled up from what could).
    """

    kind: str
    clip: int
    reason: str

    def in_words(self) -> str:
        """For the log."""
        return f"{self.reason} {_CONSEQUENCES[self.kind]}"


def to_meta(flaws: Iterable[Flaw]) -> dict[str, str]:
    """The meta of an item that tells these flaws."""
    flaws = list(flaws)
    return {_KEY: json.dumps(flaws) if flaws else ""}


def from_meta(meta: Any) -> list[Flaw]:
    """The flaws that the meta of an item, or of a batch, tells; of one that knows of none, none."""
    told = meta.get(_KEY, "") if isinstance(meta, dict) else ""
    texts = [told] if isinstance(told, str) else told
    return [Flaw(*flaw) for text in texts if text for flaw in json.loads(text)]


def most_tolerated(clips: int, fraction: float) -> int:
    """How many of so many clips may be beyond reading under DATA.MAX_BAD_FRACTION.

    One always may, that a single file does not stop a run on a small set, and never all; a fraction
    of 0 tolerates none.
    """
    return min(max(1, int(fraction * clips)), clips - 1) if fraction else 0
