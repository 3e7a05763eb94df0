"""The tables of docs/DROP_IN.md: published files by folder, and keys that have no effect here."""

from collections.abc import Iterable, Mapping

from slowfast.config.keys import UPSTREAM_KEYS, ignored_names
from tests.published import files

FOLDERS = sorted({files.folder_of(name) for name in files.PUBLISHED})


def published_table(counts: Mapping[str, Iterable[int]]) -> list[str]:
    """The rows of the table of published files.

    Args:
        counts: by folder, how many of its files load, build, and train and are tested.
    """
    rows = ["| folder | files | load | build whole | train and are tested | the others |"]
    rows.append("|---|---|---|---|---|---|")
    total = [0, 0, 0, 0]
    for folder in FOLDERS:
        names = [name for name in files.PUBLISHED if files.folder_of(name) == folder]
        numbers = [len(names), *counts[folder]]
        total = [before + number for before, number in zip(total, numbers, strict=True)]
        others = "; ".join(dict.fromkeys(filter(None, map(files.not_served, names))))
        rows.append(_row(f"`{folder}`", *numbers, others))
    return [*rows, _row("all", *total, "")]


def unserved_table() -> list[str]:
    """The rows of the table of keys without effect, from slowfast/config/keys/unserved.yaml."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for name, key in UPSTREAM_KEYS.items():
        if key.unserved:
            groups.setdefault((key.unserved, key.is_switch), []).append(name)
    rows = ["| keys | another value than the default | reason |", "|---|---|---|"]
    for why, patterns in ignored_names().items():
        rows.append(_row(_listed(patterns), "one warning", why))
    for (why, is_switch), names in groups.items():
        effect = "refused, if the run would read it" if is_switch else "one warning"
        rows.append(_row(_listed(_shortened(names)), effect, why))
    return rows


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shortened(names: list[str]) -> list[str]:
    """More than six keys, all of a group of which nothing has an effect, become `GROUP.*`."""
    group = names[0].partition(".")[0]
    alike = [name for name, key in UPSTREAM_KEYS.items() if name.startswith(f"{group}.")]
    if len(names) > 6 and all(UPSTREAM_KEYS[name].unserved for name in alike):
        others = [name for name in alike if name not in names]
        return [f"{group}.*" + (f" except {', '.join(others)}" if others else "")]
    return names
