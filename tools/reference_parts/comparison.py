"""Compares a new reference file with the existing one.

Names, shapes, integers and texts have to be equal. Decimal numbers may differ by a fraction of the
largest number of their list, or of the number itself outside lists. Statistics of random draws may
differ as their maker says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .files import Made

# A number may differ by ROUNDINGS times the effect of rounding, but by no more than MOST.
ROUNDINGS, MOST = 10, 0.02


@dataclass
class Comparison:
    """The differences of two files.

    Attributes:
        agreement: the fraction by which numbers may differ; 0: they have to be equal.
        rounding: the effect of rounding on numbers, by their names.
        spread: how far numbers may differ, by their names, in place of `agreement`.
        furthest: the largest difference of a number, and its place.
        wrong: the larger differences, in words.
        extra: names at the top level that only the new file has.
        left_out: places that could not be made, and are not compared.
        unmeasured: places where the existing file has an error instead of a value.
        corrected: for each fault of upstream the places whose values come from it.
        corrections: how many differences there are at these places, by fault.
    """

    agreement: float
    rounding: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    furthest: tuple[float, str] = (0.0, "")
    wrong: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    unmeasured: list[str] = field(default_factory=list)
    corrected: dict[str, list[str]] = field(default_factory=dict)
    corrections: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """Returns the result of the comparison in a few words."""
        share, place = self.furthest
        largest = f", largest difference of a number {share:.1e} at {place}" if share else ""
        if self.wrong:
            return f"DIFFERS, {len(self.wrong)} times, first {self.wrong[0]}{largest}"
        return f"agrees{largest}" if share or self.spread else "equal"

    def remarks(self) -> list[str]:
        """Returns further remarks."""
        words = [
            f"rounding alone changes {name} by {share:.1e}" for name, share in self.rounding.items()
        ]
        if self.unmeasured:
            words.append(f"existing errors, not compared: {', '.join(self.unmeasured)}")
        if self.extra:
            words.append(f"new: {', '.join(self.extra)}")
        for fault, count in self.corrections.items():
            words.append(f"differences that are meant: {count}, {fault}")
        return words

    def compare(self, old: Any, new: Any, place: str = "", largest: float | None = None) -> None:
        """Compares two values at a place; `largest` is the largest number of their list."""
        if place in self.left_out:
            return
        for fault, places in self.corrected.items():
            if place in places:
                self._count_corrections(fault, old, new)
                return
        if isinstance(old, dict) and isinstance(new, dict):
            self._compare_names(old, new, place)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            largest = max((abs(x) for x in old if type(x) in (int, float)), default=None)
            for number, (one, other) in enumerate(zip(old, new, strict=True)):
                self.compare(one, other, f"{place}[{number}]", largest)
        elif isinstance(old, list) and isinstance(new, list):
            self.wrong.append(f"{place}: existing {len(old)} items, new {len(new)}")
        elif place in self.spread and _are_numbers(old, new):
            self._compare_statistics(old, new, place)
        elif _by_size(old, new, alone=largest is None):
            self._compare_sizes(old, new, place, abs(old) if largest is None else largest)
        elif type(old) is not type(new) or old != new:
            self.wrong.append(f"{place}: existing {_short(old)}, new {_short(new)}")

    def _count_corrections(self, fault: str, old: Any, new: Any) -> None:
        apart = Comparison(self.agreement)
        apart.compare(old, new)
        if apart.wrong:
            self.corrections[fault] = self.corrections.get(fault, 0) + len(apart.wrong)

    def _compare_names(self, old: dict, new: dict, place: str) -> None:
        if "error" in old:
            self.unmeasured.append(place)
            return
        for name in {**old, **new}:
            inner = f"{place}.{name}" if place else name
            if name not in new:
                self.wrong.append(f"{inner}: missing in the new file")
            elif name not in old:
                self.wrong.append(f"{inner}: only in the new file")
            else:
                self.compare(old[name], new[name], inner)

    def _compare_sizes(self, old: float, new: float, place: str, largest: float) -> None:
        share = 0.0 if old == new else abs(new - old) / largest if largest else math.inf
        if math.isnan(share):
            share = math.inf
        allowed = max(self.agreement, min(ROUNDINGS * self.rounding.get(place, 0.0), MOST))
        self.furthest = max(self.furthest, (share, place), key=lambda found: found[0])
        if share > allowed:
            self.wrong.append(f"{place}: existing {old!r}, new {new!r}")

    def _compare_statistics(self, old: float, new: float, place: str) -> None:
        if not abs(new - old) <= self.spread[place]:
            allowed = f"{self.spread[place]:.3g} apart are allowed"
            self.wrong.append(f"{place}: existing {old!r}, new {new!r}, {allowed}")


def compare(existing: Any, made: Made, agreement: float) -> Comparison:
    """Compares the content of a file with the new content.

    Names at the top level that only the new file has, or that were left out, are no difference.
    """
    left_out = {place for places in made.left_out.values() for place in places}
    found = Comparison(
        agreement, made.rounding, made.spread, left_out=left_out, corrected=made.corrected
    )
    new = made.content
    if isinstance(existing, dict) and isinstance(new, dict):
        found.extra = [name for name in new if name not in existing]
        new = {name: value for name, value in new.items() if name in existing}
        existing = {name: value for name, value in existing.items() if name not in left_out}
    found.compare(existing, new)
    return found


def _by_size(old: Any, new: Any, alone: bool) -> bool:
    """Returns whether both are numbers and at least one (outside lists: each) is a decimal."""
    kinds = {type(old), type(new)}
    return kinds == {float} or (kinds == {int, float} and not alone)


def _are_numbers(*values: Any) -> bool:
    return {type(value) for value in values} <= {int, float}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
