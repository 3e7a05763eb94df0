"""The data of the page as plain values for JSON: report.json.

Figures, the measures of classes and chance are in per cent. None stands for a missing value, such
as the AP of a class without a test clip. Clips that the page shows are listed once, by number.

A test of several label sets has a part for each set, with the figures and classes of the set.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.ak.classes.label_sets import Classes, of_set
from slowfast.ak.metrics.figure_sets import line_of_set, sets_of
from slowfast.ak.metrics.figures import Figures
from slowfast.ak.registries.metrics import METRICS
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys, get
from slowfast.results.per_class import ClassResult
from slowfast.utils.files.stats_line import FILE
from slowfast.visualization.report.curves import (
    best_of,
    figures,
    names_of,
    read_log,
    test_figures,
)
from slowfast.visualization.report.findings import (
    confused_pairs,
    worst_classes,
    worst_clips,
)
from slowfast.visualization.report.stills import clip_stills

FORMAT = 1
TOP_SCORES = 4


class Tested(Protocol):
    """One test as `slowfast.results.files.Outcome` holds it: N clips, with their numbers (N,)."""

    views: str
    numbers: Any
    names: Sequence[str]
    missing: Mapping[str, str]
    incomplete: Mapping[str, str]
    figures: Any
    per_class: Mapping[str, Sequence[ClassResult]]
    stats: dict
    clips: Any
    classes: Classes
    weights: Any


def make_record(cfg: CfgNode, tests: Sequence[Tested]) -> dict:
    """Returns the record of a run: the figures of all its tests, and details of the last."""
    last = tests[-1]
    folder = Path(cfg.OUTPUT_DIR)
    log = folder / FILE
    parts = {name: _part(tests, name) for name in sets_of(last.figures)}
    if "" in parts:
        own = parts[""]
    else:
        nothing = {key: {} for key in ("figures", "intervals", "more", "chance", "clips")}
        nothing |= {key: [] for key in ("tests", "classes", "pairs", "worst")}
        own = nothing | {"parts": [{"name": name, **part} for name, part in parts.items()]}
    return {
        "format": FORMAT,
        "name": folder.resolve().name or str(folder),
        "model": f"{cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH})",
        "loss": cfg.MODEL.LOSS_FUNC,
        "data": str(cfg.DATA.PATH_TO_DATA_DIR),
        "checkpoint": last.weights.path,
        "initialisation": last.weights.initialisation,
        "views": last.views,
        "ensemble": cfg.DATA.ENSEMBLE_METHOD,
        "clips_tested": len(last.names),
        "missing_clips": dict(last.missing),
        "incomplete_clips": dict(last.incomplete),
        **own,
        "best": best_of(last.stats),
        "curves": read_log(log) if log.is_file() else None,
        "settings": settings(_flat(cfg)),
    }


def _part(tests: Sequence[Tested], name: str) -> dict:
    """Returns the figures and classes of a label set."""
    last = tests[-1]
    measured, table = sets_of(last.figures)[name], of_set(last.classes, name)
    rows, labels = of_set(last.per_class, name), measured.labels
    lines = [line_of_set(name, test.stats) for test in tests]
    heads = measured.class_columns
    measures = [
        {"key": _measure(head), "name": head, "title": _title(heads[head])} for head in heads
    ]
    found = {
        "test_set": _digest(last.names, labels),
        "labels_per_clip": round(float(labels.sum(axis=1).mean()), 3) if len(labels) else None,
        "segments": table.source if table else None,
        "tests": [
            {"views": test.views, "figures": figures(line)}
            for test, line in zip(tests, lines, strict=True)
        ],
        **test_figures(lines[-1]),
        "names": names_of(measured.columns),
        "quantity": measured.quantity,
        "measures": measures,
        "chance": {key: _per_cent(value) for key, value in measured.chance.items()},
        "classes": _class_rows(measured, rows),
        "ranks_only": measured.scores is None,
        "matrix": None,
        "pairs": [],
        "worst": [],
        "clips": {},
    }
    if measured.scores is None:
        return found
    if not measured.many_labels:
        found["matrix"] = _cells(measured.ranks.confusion())
    main = measured.by_class(next(iter(heads.values())))
    worst = worst_classes(main, measured.segments)
    found["pairs"] = [pair._asdict() for pair in confused_pairs(measured.scores, labels)]
    return found | _worst(last, measured.scores, labels, worst)


def _measure(head: str) -> str:
    """Returns the key of a measure of classes: the head of its column in small letters."""
    return head.lower()


def _title(metric: str) -> str:
    return METRICS.facts(metric).class_title


def _cells(clips: np.ndarray) -> list[list[int]]:
    """Returns the cells of a matrix that are not 0: [row, column, value]."""
    rows, columns = clips.nonzero()
    return np.stack([rows, columns, clips[rows, columns]], axis=1).tolist()


def settings(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the value and the default of each key as texts, from values by dotted key."""
    defaults = _flat(get_cfg())
    shown = {}
    for key, value in values.items():
        usual = _text(defaults[key]) if key in defaults else ""
        # 1 and 1.0 are the same setting.
        shown[key] = [usual if value == defaults.get(key) else _text(value), usual]
    return shown


def _flat(cfg: CfgNode) -> dict[str, Any]:
    return {key: get(cfg, key) for key in sorted(dotted_keys(cfg))}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _digest(names: Sequence[str], labels: np.ndarray) -> str:
    """Returns a text that is equal for two tests on the same clips with the same labels."""
    digest = hashlib.sha256(np.packbits(labels.astype(bool), axis=1).tobytes())
    for name in names:
        digest.update(name.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()[:16]


def _per_cent(fraction: float) -> float | None:
    return None if math.isnan(fraction) else round(100 * float(fraction), 4)


def _class_rows(measured: Figures, rows: Sequence[ClassResult]) -> list[dict]:
    main = next(iter(measured.class_columns.values()))
    chance = measured.chance_by_class(main)
    return [
        {
            "id": row.id,
            "name": row.name,
            "segment": row.segment,
            "train": row.training_count,
            "test": row.test_count,
            **{_measure(head): _per_cent(value) for head, value in row.measures.items()},
            "chance": _per_cent(chance[row.id]),
        }
        for row in rows
    ]


def _worst(test: Tested, scores: np.ndarray, labels: np.ndarray, worst: list[int]) -> dict:
    """Returns the clips on which the worst classes fail.

    Returns:
        ``worst``: by class the clips with score and rank; ``clips``: names, labels and stills.
    """
    shown: dict[int, None] = {}
    rows = []
    for index in worst:
        column = scores[:, index]
        row: dict[str, Any] = {"class": index}
        for key, found in zip(
            ("missed", "taken"), worst_clips(column, labels[:, index]), strict=True
        ):
            shown |= dict.fromkeys(found)
            row[key] = [
                {
                    "clip": clip,
                    "score": round(float(column[clip]), 5),
                    "rank": int((column > column[clip]).sum()) + 1,
                }
                for clip in found
            ]
        rows.append(row)
    numbers = {clip: int(test.numbers[clip]) for clip in shown}
    stills = clip_stills(test.clips, numbers.values())
    return {
        "worst": rows,
        "clips": {
            str(clip): {
                "name": test.names[clip],
                "labels": labels[clip].nonzero()[0].tolist(),
                "top": [
                    [int(c), round(float(scores[clip, c]), 5)]
                    for c in np.argsort(-scores[clip], kind="stable")[:TOP_SCORES]
                ],
                "still": stills.get(numbers[clip]),
            }
            for clip in shown
        },
    }
