"""What a conversion could not keep, and what it decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from slowfast.data_tools.events import Place


@dataclass
class Report:
    """Collects what a format cannot hold; each kind becomes one line with a count.

    Attributes:
        notes: further sentences for the user.
    """

    notes: list[str] = field(default_factory=list)
    _lost: dict[str, list[Place | None]] = field(default_factory=dict)

    def lost(self, kind: str, place: Place | None = None, number: int = 1) -> None:
        """Counts something that the written file does not hold.

        Args:
            kind: words that stand before a number, such as "comments" or "point events, written
                as bouts of one frame".
            place: where it stands in the file that was read.
        """
        self._lost.setdefault(kind, []).extend([place] * number)

    def note(self, text: str) -> None:
        """Adds a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def counts(self) -> dict[str, int]:
        """The number of each kind that was lost."""
        return {kind: len(places) for kind, places in self._lost.items()}

    def lines(self) -> Sequence[str]:
        """The notes, and one line for each kind that was lost."""
        found = [f"note: {note}" for note in self.notes]
        for kind, places in self._lost.items():
            first = min((place for place in places if place is not None), default=None)
            where = "" if first is None else f" (the first: {first})"
            found.append(f"not kept: {kind}: {len(places)}{where}")
        return found
