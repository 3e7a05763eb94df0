"""How far a reference file made anew differs from the one there is.

Names, shapes, integers and words are equal or not. Decimal numbers may differ by a share of the
largest of the list they stand in; of themselves where they stand alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .files import Made

# A number may move by so many times what rounding alone moves it, and never by more than a share.
ROUNDINGS, MOST = 10, 0.02


@dataclass
class Comparison:
    """agreement: how far numbers may differ, as such a share; 0: not at all.
    rounding: names of numbers, and how far rounding alone moves them.
    furthest: the largest difference of a number, and where it is.
    wrong: all that differs by more, in words. extra: names at the top that only the new file has.
    unmeasured: places where there is an error to compare with, in place of a value."""

    agreement: float
    rounding: dict[str, float] = field(default_factory=dict)
    furthest: tuple[float, str] = (0.0, "")
    wrong: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """The verdict, in a few words."""
        share, place = self.furthest
        largest = f", largest difference of a number {share:.1e} at {place}" if share else ""
        if self.wrong:
            return f"DIFFERS, {len(self.wrong)} times, first {self.wrong[0]}{largest}"
        return f"agrees{largest}" if share else "equal"

    def remarks(self) -> list[str]:
        """What else there is to know."""
        words = [
            f"rounding alone moves {name} by {share:.1e}" for name, share in self.rounding.items()
        ]
        if self.unmeasured:
            words.append(f"an error there, and nothing to compare: {', '.join(self.unmeasured)}")
        if self.extra:
            words.append(f"not there yet: {', '.join(self.extra)}")
        return words

    def compare(self, old: Any, new: Any, place: str = "", largest: float | None = None) -> None:
        """Compare what stands at a place; largest: number of the list that both stand in."""
        if isinstance(old, dict) and isinstance(new, dict):
            self._compare_names(old, new, place)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            largest = max((abs(x) for x in old if type(x) in (int, float)), default=None)
            for number, (one, other) in enumerate(zip(old, new, strict=True)):
                self.compare(one, other, f"{place}[{number}]", largest)
        elif isinstance(old, list) and isinstance(new, list):
            self.wrong.append(f"{place}: {len(old)} items there, {len(new)} new")
        elif _by_size(old, new, alone=largest is None):
            self._compare_sizes(old, new, place, abs(old) if largest is None else largest)
        elif type(old) is not type(new) or old != new:
            self.wrong.append(f"{place}: {_short(old)} there, {_short(new)} new")

    def _compare_names(self, old: dict, new: dict, place: str) -> None:
        if "error" in old:
            self.unmeasured.append(place)
            return
        for name in {**old, **new}:
            inner = f"{place}.{name}" if place else name
            if name not in new:
                self.wrong.append(f"{inner}: there, and not in the new file")
            elif name not in old:
                self.wrong.append(f"{inner}: not there, and in the new file")
            else:
                self.compare(old[name], new[name], inner)

    def _compare_sizes(self, old: float, new: float, place: str, largest: float) -> None:
        share = 0.0 if old == new else abs(new - old) / largest if largest else math.inf
        if math.isnan(share):
            share = math.inf
        allowed = max(self.agreement, min(ROUNDINGS * self.rounding.get(place, 0.0), MOST))
        self.furthest = max(self.furthest, (share, place), key=lambda found: found[0])
        if share > allowed:
            self.wrong.append(f"{place}: {old!r} there, {new!r} new")


def compare(existing: Any, made: Made, agreement: float) -> Comparison:
    """Compare the content of a file with what was made.

    Names at the top that only the new one has, and those that were left out, are no difference.
    """
    found, new = Comparison(agreement, made.rounding), made.content
    if isinstance(existing, dict) and isinstance(new, dict):
        left_out = {name for names in made.left_out.values() for name in names}
        found.extra = [name for name in new if name not in existing]
        new = {name: value for name, value in new.items() if name in existing}
        existing = {name: value for name, value in existing.items() if name not in left_out}
    found.compare(existing, new)
    return found


def _by_size(old: Any, new: Any, alone: bool) -> bool:
    """Whether these are two decimal numbers; in a list, where 1 is as good as 1.0, one will do."""
    kinds = {type(old), type(new)}
    return kinds == {float} or (kinds == {int, float} and not alone)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
