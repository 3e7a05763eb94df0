"""The figures of several label sets of the same clips, such as behaviour and animal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slowfast.ak.metrics.figures import Figures

_INTERVAL = "interval_"


class FigureSets:
    """The figures of label sets, each computed on its own.

    A key is the name of the set, a slash and the key of the figure: ``animal/top1_macro``.

    Args:
        sets: the figures by the names of the sets, in the order of tables.
        also_logged_as: keys under which json_stats repeats figures of a test, by key.
    """

    def __init__(
        self, sets: Mapping[str, Figures], also_logged_as: Mapping[str, str] | None = None
    ) -> None:
        self.sets = dict(sets)
        self._also_logged_as = dict(also_logged_as or {})

    def evaluation_line(self) -> dict[str, float]:
        """The figures as the ``val_epoch`` line of json_stats holds them."""
        return {
            f"{name}/{key}": value
            for name, figures in self.sets.items()
            for key, value in figures.evaluation_line().items()
        }

    def test_line(self) -> dict[str, Any]:
        """The figures as the ``test_final`` line of json_stats holds them, as `Figures` has them.

        The interval of a figure is ``interval_<key>``.
        """
        line = {
            full_key(name, key): value
            for name, figures in self.sets.items()
            for key, value in figures.test_line().items()
        }
        return line | {name: line[key] for name, key in self._also_logged_as.items()}


def full_key(name: str, key: str) -> str:
    """The key of a figure, or of an interval, of a label set."""
    if key.startswith(_INTERVAL):
        return f"{_INTERVAL}{name}/{key.removeprefix(_INTERVAL)}"
    return f"{name}/{key}"


def line_of_set(name: str, line: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a json_stats line that belongs to a label set, by the keys of `Figures`.

    Entries that belong to no set, such as the epoch, stay.
    """
    found = {}
    for key, value in line.items():
        start = _INTERVAL if key.startswith(_INTERVAL) else ""
        owner, slash, rest = key.removeprefix(start).rpartition("/")
        if not slash:
            found[key] = value
        elif owner == name:
            found[start + rest] = value
    return found


def sets_of(figures: Any) -> dict[str, Figures]:
    """The figures of each label set: of one without a name, of several, or of none.

    Args:
        figures: `Figures`, `FigureSets`, or figures of another kind, which have no label sets.
    """
    if isinstance(figures, Figures):
        return {"": figures}
    return figures.sets if isinstance(figures, FigureSets) else {}
