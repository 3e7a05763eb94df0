"""Reads settings of a network: names in a table, and one value for each pathway."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion

T = TypeVar("T")


def look_up(key: str, name: Any, table: Mapping[Any, T]) -> T:
    """The entry of a table that a configuration key names.

    Raises:
        UserError: there is no such entry. The message lists the names, the nearest first.
    """
    if name in table:
        return table[name]
    words = f"{suggestion(name, table, cutoff=0.4)} expected one of {', '.join(map(str, table))}"
    raise UserError(f"{key}: found {name!r}; {words.lstrip()}")


def per_pathway(key: str, values: Sequence[T], pathways: int) -> list[T]:
    """One value for each pathway, from the list in the configuration.

    A list of equal values serves any number of pathways, so that a recipe can change the network
    without changing every list.

    Raises:
        UserError: the values differ, and their number is not the number of pathways.
    """
    if len(values) == pathways:
        return list(values)
    if values and all(value == values[0] for value in values):
        return [values[0]] * pathways
    raise UserError(
        f"{key}: found {list(values)}, expected one value for each of {pathways} pathway(s)"
    )
