"""Reads run folders for ``tools/report.py``, and checks that the runs can be compared."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figure_sets import line_of_set
from slowfast.utils.files.stats_line import FILE
from slowfast.utils.run_folder.run_config import CONFIG_FILE
from slowfast.visualization.report.curves import (
    description,
    label_sets_in,
    names_of,
    quantity_of,
    read_log,
)
from slowfast.visualization.report.record import FORMAT, settings

MOST = 6  # lines and colours that a reader can distinguish
RECORD = Path("report", "report.json")
_PARTS = {
    "name": str,
    "figures": dict,
    "intervals": dict,
    "more": dict,
    "chance": dict,
    "tests": list,
    "classes": list,
    "pairs": list,
    "worst": list,
    "clips": dict,
    "settings": dict,
}


def read_runs(folders: Sequence[str | Path]) -> list[dict]:
    """Reads the records of one or several runs, and gives each a name of its own.

    Raises:
        UserError: a folder is missing, has no results or is given twice; there are too many; or
            the runs have different classes, so that they cannot be compared.
    """
    paths = [Path(folder) for folder in folders]
    places = [path.resolve() for path in paths]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise UserError(f"{paths[number]} is given twice; give each run once.")
    if len(paths) > MOST:
        raise UserError(f"{len(paths)} runs were given, and a page compares up to {MOST}.")
    records = [read_run(path) for path in paths]
    for record, name in zip(records, _short_names(places), strict=True):
        record["name"] = name
    _check_classes(paths, records)
    return records


def read_run(folder: Path) -> dict:
    """Reads the record of a run. If there is none, makes one from its log and its configuration.

    Raises:
        UserError: the folder is missing, has no results, or they cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give the OUTPUT_DIR of a run.")
    log = folder / FILE
    curves = read_log(log) if log.is_file() else None
    if (folder / RECORD).is_file():
        record = _read_record(folder / RECORD)
        # Records of earlier versions do not describe the further figures.
        record.setdefault("metrics", {key: description(key) for key in record["more"]})
        return _described(record | {"curves": curves or record.get("curves")})
    if curves is None or not any(curves.values()):
        raise UserError(
            f"{folder}: there are no results here: expected {RECORD}, which a test writes, or "
            f"{FILE} with an epoch or a test in it. Give the OUTPUT_DIR of a run."
        )
    empty = {part: kind() for part, kind in _PARTS.items()}
    known = {"format": FORMAT, "curves": curves} | (curves["test"] or {})
    tested = known.pop("parts", {})
    sets = dict.fromkeys([*tested, *label_sets_in(_keys_of_evaluations(curves))])
    if sets:
        known["parts"] = [empty | {"name": name} | tested.get(name, {}) for name in sets]
    return _described(empty | known | _from_config(folder / CONFIG_FILE))


def _keys_of_evaluations(curves: dict | None) -> list[str]:
    points = (curves or {}).get("val", [])
    return list(dict.fromkeys(key for point in points for key in point if key != "epoch"))


def _described(record: dict) -> dict:
    """Adds the names of figures and measures to a record without them, as of earlier versions."""
    evaluated = dict.fromkeys(_keys_of_evaluations(record["curves"]))
    if record.get("parts"):
        parts = [
            _with_names(part, line_of_set(part["name"], evaluated)) for part in record["parts"]
        ]
        record = record | {"parts": parts}
    return _with_names(record, line_of_set("", evaluated))


def _with_names(record: dict, evaluated: Iterable[str]) -> dict:
    keys = {*record["figures"], *evaluated}
    usual = {
        "names": names_of(keys),
        "quantity": quantity_of(keys),
        "measures": [{"key": "ap", "name": "AP", "title": "average precision"}],
    }
    return record | {key: value for key, value in usual.items() if key not in record}


def _from_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        values = dict(_flatten(tree, ""))
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as a configuration: {error}") from None
    return {
        "settings": settings(values),
        "model": f"{values.get('MODEL.MODEL_NAME')} ({values.get('MODEL.ARCH')})",
        "loss": values.get("MODEL.LOSS_FUNC"),
        "data": values.get("DATA.PATH_TO_DATA_DIR"),
    }


def _flatten(tree: dict, prefix: str):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read_record(path: Path) -> dict:
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}). Test the run again, or delete the file: the page "
            f"is then drawn from {FILE} only."
        ) from None
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise UserError(
            f"{path}: expected a report of format {FORMAT}, found {found!r}. Test the run again."
        )
    wrong = [part for part, kind in _PARTS.items() if not isinstance(record.get(part), kind)]
    if wrong:
        raise UserError(f"{path}: {', '.join(wrong)} are missing or damaged. Test the run again.")
    return record


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _short_names(places: Sequence[Path]) -> list[str]:
    """Returns the last parts of the paths, as few as make them different."""
    deepest = max(len(place.parts) for place in places)
    for depth in range(1, deepest + 1):
        names = ["/".join(place.parts[-depth:]) for place in places]
        if len(set(names)) == len(names):
            break
    return names


def _check_classes(paths: Sequence[Path], records: Sequence[dict]) -> None:
    tested = [
        (path, sets)
        for path, record in zip(paths, records, strict=True)
        if (sets := _classes_by_set(record))
    ]
    for path, sets in tested[1:]:
        first, expected = tested[0]
        if sets.keys() != expected.keys():
            found, known = (", ".join(filter(None, each)) or "none" for each in (sets, expected))
            raise UserError(
                f"{path}: its label sets are {found}, and in {first} {known}. Only runs with the "
                "same label sets can be compared."
            )
        for name, classes in sets.items():
            if difference := _difference(classes, expected[name], first):
                raise UserError(
                    f"{path}: {difference}. Only runs with the same classes can be compared."
                )


def _difference(
    classes: list[tuple[int, str]], expected: list[tuple[int, str]], first: Path
) -> str:
    """The difference between the classes of a run and of the first run in words; "" for none."""
    if len(classes) != len(expected):
        return f"{len(classes)} classes, and {first} has {len(expected)}"
    pairs = zip(classes, expected, strict=True)
    (number, name), (_, other) = next((p for p in pairs if p[0] != p[1]), ((0, ""), (0, "")))
    return "" if name == other else f"class {number} is {name!r}, and in {first} {other!r}"


def _classes_by_set(record: dict) -> dict[str, list[tuple[int, str]]]:
    """The ids and names of the classes of each label set, without sets that have none."""
    parts = {part["name"]: part for part in record.get("parts") or ()} or {"": record}
    return {
        name: [(row["id"], row["name"]) for row in part["classes"]]
        for name, part in parts.items()
        if part["classes"]
    }
