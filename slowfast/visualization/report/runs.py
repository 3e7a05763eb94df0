"""Run folders as ``tools/report.py`` takes them: read, checked, and fit to stand side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from slowfast.ak.errors import UserError
from slowfast.utils.run_config import CONFIG_FILE
from slowfast.visualization.report.curves import read_log
from slowfast.visualization.report.record import FORMAT, LOG, settings

MOST = 6  # lines and colours that can be told apart
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
    """The records of one or several runs, each with a name of its own.

    Raises:
        UserError: a folder is missing, holds no results or is given twice; there are too many; or
            the runs have different classes, so that nothing about them compares.
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
    """The record of a run; where its test has left none, what log and configuration tell.

    Raises:
        UserError: there is no such folder, it holds no results, or they cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give the OUTPUT_DIR of a run.")
    log = folder / LOG
    curves = read_log(log) if log.is_file() else None
    if (folder / RECORD).is_file():
        record = _read_record(folder / RECORD)
        return record | {"curves": curves or record.get("curves")}
    if curves is None or not any(curves.values()):
        raise UserError(
            f"{folder}: there are no results here: expected {RECORD}, which a test writes, or "
            f"{LOG} with an epoch or a test in it. Give the OUTPUT_DIR of a run."
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
            f"is then drawn from {LOG} alone."
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
    raise ValueError(f"{constant} is no JSON")


def _short_names(places: Sequence[Path]) -> list[str]:
    """The last parts of paths, as few as tell them apart."""
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
            told = f"{len(classes)} classes, and {first} has {len(expected)}"
        else:
            (number, name), (_, other) = next(
                pair for pair in zip(classes, expected, strict=True) if pair[0] != pair[1]
            )
            told = f"class {number} is {name!r}, and in {first} {other!r}"
        raise UserError(f"{path}: {told}. Runs compare where their classes are the same.")
