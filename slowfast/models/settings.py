"""Two ways to read a setting that end in words where it cannot be what it says."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from slowfast.ak.errors import UserError

T = TypeVar("T")


def look_up(key: str, name: Any, table: Mapping[Any, T]) -> T:
    """What a table has under the name that the configuration gives.

    Raises:
        UserError: nothing; the text lists the names, the nearest first.
    """
    if name in table:
        return table[name]
    # Case aside, since a name in the wrong case is the likeliest slip.
    folded = {str(known).lower(): str(known) for known in table}
    near = difflib.get_close_matches(str(name).lower(), folded, cutoff=0.4)
    hint = f"did you mean {' or '.join(folded[match] for match in near)}? " if near else ""
    raise UserError(f"{key}: found {name!r}; {hint}expected one of {', '.join(folded.values())}")


def per_pathway(key: str, values: Sequence[T], pathways: int) -> list[T]:
    """One value a pathway, from a list that may have been written for another number of pathways.

    Equal values serve any number, so that a network can be changed without touching them all.

    Raises:
        UserError: they differ, and there are more or fewer of them than pathways.
    """
    if len(values) == pathways:
        return list(values)
    if values and all(value == values[0] for value in values):
        return [values[0]] * pathways
    raise UserError(
        f"{key}: found {list(values)}, expected one value for each of {pathways} pathway(s)"
    )
