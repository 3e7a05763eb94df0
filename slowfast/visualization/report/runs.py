"""Reads run folders for ``tools/report.py``, and checks that the runs can be compared."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from slowfast.ak.errors import UserError
from slowfast.utils.files.stats_line import FILE
from slowfast.utils.run_folder.run_config import CONFIG_FILE
from slowfast.visualization.report.curves import description, read_log
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
        return record | {"curves": curves or record.get("curves")}
    if curves is None or not any(curves.values()):
        raise UserError(
            f"{folder}: there are no results here: expected {RECORD}, which a test writes, or "
            f"{FILE} with an epoch or a test in it. Give the OUTPUT_DIR of a run."
        )
    empty = {part: kind() for part, kind in _PARTS.items()}
    known = {"format": FORMAT, "curves": curves} | (curves["test"] or {})
    return empty | known | _from_config(folder / CONFIG_FILE)


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
        (path, [(row["id"], row["name"]) for row in record["classes"]])
        for path, record in zip(paths, records, strict=True)
        if record["classes"]
    ]
    for path, classes in tested[1:]:
        first, expected = tested[0]
        if classes == expected:
            continue
        if len(classes) != len(expected):
            difference = f"{len(classes)} classes, and {first} has {len(expected)}"
        else:
            (number, name), (_, other) = next(
                pair for pair in zip(classes, expected, strict=True) if pair[0] != pair[1]
            )
            difference = f"class {number} is {name!r}, and in {first} {other!r}"
        raise UserError(f"{path}: {difference}. Only runs with the same classes can be compared.")
