"""The known names that are most like an unknown name: "did you mean" in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[object], count: int = 3, cutoff: float = 0.5) -> list:
    """Returns the known names that are most like a name, the nearest first. Case does not matter.

    A known name that differs in case only is returned alone.
    """
    folded = {str(one).lower(): one for one in known}
    if str(name).lower() in folded:
        return [folded[str(name).lower()]]
    matches = difflib.get_close_matches(str(name).lower(), folded, n=count, cutoff=cutoff)
    return [folded[match] for match in matches]


def suggestion(name: object, known: Iterable[object], count: int = 3, cutoff: float = 0.5) -> str:
    """``did you mean a or b?`` for the known names that are most like a name; empty for none."""
    found = nearest(name, known, count, cutoff)
    return f"did you mean {' or '.join(map(str, found))}?" if found else ""
