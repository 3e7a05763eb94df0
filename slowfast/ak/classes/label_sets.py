"""Values by label set.

A task that scores one set of classes has plain values: scores (N, C), targets, a table of classes.
A task that scores several sets has them in a dict by the name of the set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slowfast.ak.classes.table import ClassTable

# Names and segments of the classes; None: not known.
Classes = ClassTable | Mapping[str, ClassTable | None] | None


def by_set(value: Any) -> Mapping[str, Any]:
    """The values by label set; a plain value belongs to a set without a name."""
    return value if isinstance(value, Mapping) else {"": value}


def of_set(value: Any, name: str) -> Any:
    """The value of a label set; a plain value belongs to every set."""
    return value[name] if isinstance(value, Mapping) else value
