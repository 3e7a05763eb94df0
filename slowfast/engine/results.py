"""What a test leaves behind: saved scores, and a table that a person reads.

Written below OUTPUT_DIR where TEST.SAVE_RESULTS_PATH is set: upstream's pickle of [predictions,
labels], a CSV with a row a clip, and a JSON with the figures and how they came about.
"""

import csv
import json
import math
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode

from slowfast.ak.classes import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.metrics import average_precision, map_by_segment
from slowfast.utils import distributed, logging
from slowfast.utils.checkpoint import LoadedWeights

logger = logging.get_logger(__name__)


@dataclass
class Outcome:
    """One test: ``scores`` (N, C) and ``targets`` (N, C) or (N,) in the order of the list."""

    views: str
    scores: torch.Tensor
    targets: torch.Tensor
    stats: dict
    clips: object
    classes: ClassTable | None
    weights: LoadedWeights
    files: list[Path] = field(default_factory=list)


def check_results_path(cfg: CfgNode) -> None:
    """Makes the folder of TEST.SAVE_RESULTS_PATH, before days are spent on what goes there.

    Raises:
        UserError: the results could not be written.
    """
    if not (cfg.TEST.ENABLE and cfg.TEST.SAVE_RESULTS_PATH and distributed.is_master_proc()):
        return
    path = _results_path(cfg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error, path) from None
    if path.is_dir():
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {path} is a folder; name a file in it, such as "
            f"{cfg.TEST.SAVE_RESULTS_PATH}/results.pkl"
        )


def _results_path(cfg: CfgNode) -> Path:
    return Path(cfg.OUTPUT_DIR) / cfg.TEST.SAVE_RESULTS_PATH


def _unwritable(error: OSError, path: Path) -> UserError:
    return UserError(
        f"TEST.SAVE_RESULTS_PATH: {error.filename or path} cannot be written ({error.strerror}); "
        "give a path below OUTPUT_DIR that can."
    )


def save_results(cfg: CfgNode, outcome: Outcome, several: bool) -> list[Path]:
    """Writes pickle, CSV and JSON where TEST.SAVE_RESULTS_PATH asks for them.

    Args:
        several: whether more than one number of views is tested; then each has its own files.

    Returns:
        The files written, none where the key is empty.

    Raises:
        UserError: where they cannot be written.
    """
    if not cfg.TEST.SAVE_RESULTS_PATH:
        return []
    path = _results_path(cfg)
    if several:
        views = f"{cfg.TEST.NUM_ENSEMBLE_VIEWS}x{cfg.TEST.NUM_SPATIAL_CROPS}"
        path = path.with_name(f"{path.stem}_{views}{path.suffix}")
    files = [path, path.with_suffix(".csv"), path.with_suffix(".json")]
    try:
        with path.open("wb") as file:
            pickle.dump([outcome.scores, outcome.targets], file)
        _write_csv(files[1], outcome)
        files[2].write_text(json.dumps(_summary(cfg, outcome), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(error, path) from None
    return files


def _write_csv(path: Path, outcome: Outcome) -> None:
    """A row a clip: its name, its labels' class ids, and the score of each class."""
    num_classes = outcome.scores.shape[1]
    names = outcome.classes.names if outcome.classes else [str(c) for c in range(num_classes)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "labels", *names])
        for index, (scores, target) in enumerate(
            zip(outcome.scores.tolist(), outcome.targets, strict=True)
        ):
            labels = target.nonzero().flatten().tolist() if target.ndim else [int(target)]
            writer.writerow(
                [
                    outcome.clips.clip_name(index),
                    " ".join(map(str, labels)),
                    *(f"{score:.6g}" for score in scores),
                ]
            )


def _summary(cfg: CfgNode, outcome: Outcome) -> dict:
    return {
        **outcome.stats,
        "views": outcome.views,
        "ensemble": cfg.DATA.ENSEMBLE_METHOD,
        "clips": len(outcome.scores),
        "checkpoint": outcome.weights.path,
        "initialisation": outcome.weights.initialisation,
        "segments": outcome.classes.source if outcome.classes else None,
    }


def chance_map(targets: np.ndarray, segments: list[str] | None, draws: int = 10) -> dict:
    """mAP that random scores reach on these labels: the mean over ``draws`` of them.

    Args:
        targets: (N, C) multi-hot.
    """
    generator = np.random.default_rng(0)
    figures = [
        map_by_segment(average_precision(generator.random(targets.shape), targets), segments)
        for _ in range(draws)
    ]
    return {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}


def report(cfg: CfgNode, outcomes: list[Outcome]) -> None:
    """Logs the closing table: what each test reached, beside chance, and where things lie."""
    lines = ["", f"Results of {cfg.MODEL.MODEL_NAME}, weights {outcomes[0].weights.initialisation}"]
    lines += _table(cfg, outcomes)
    classes = outcomes[0].classes
    if classes and cfg.DATA.MULTI_LABEL:
        lines.append(f"Segments: {classes.source}.")
    lines += ["", "Written:"]
    lines += [f"  {name:<12}{path}" for name, path in _paths(cfg, outcomes)]
    logger.info("\n".join(lines))


def _table(cfg: CfgNode, outcomes: list[Outcome]) -> list[str]:
    if not cfg.DATA.MULTI_LABEL:
        rows = [(o.views, [o.stats["top1_acc"], o.stats["top5_acc"]]) for o in outcomes]
        return _rows(["top-1 %", "top-5 %"], rows)
    segments = outcomes[0].classes.segments if outcomes[0].classes else None
    chance = chance_map(outcomes[0].targets.numpy(), segments)
    rows = [(o.views, [o.stats.get(key) for key in chance]) for o in outcomes]
    chances = [None if math.isnan(value) else f"{100 * value:.2f}" for value in chance.values()]
    rows.append(("random scores", chances))
    heads = [key.replace("map_", "").replace("map", "overall") for key in chance]
    return _rows(heads, rows, title="mAP in %")


def _rows(heads: list[str], rows: list[tuple[str, list]], title: str = "") -> list[str]:
    width = max(len(title), *(len(name) for name, _ in rows)) + 2
    lines = [f"{title:<{width}}" + "".join(f"{head:>10}" for head in heads)]
    lines.append("-" * len(lines[0]))
    for name, values in rows:
        cells = ("-" if value is None else str(value) for value in values)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>10}" for cell in cells))
    return lines


def _paths(cfg: CfgNode, outcomes: list[Outcome]) -> list[tuple[str, Path | str]]:
    output = Path(cfg.OUTPUT_DIR)
    paths: list[tuple[str, Path | str]] = [
        ("checkpoint", outcomes[0].weights.path or "none: the weights are random"),
        ("log", output / "stdout.log"),
        ("figures", output / "json_stats.log"),
    ]
    names = {".pkl": "scores", ".csv": "clips", ".json": "summary"}
    for outcome in outcomes:
        paths += [(names.get(f.suffix, "scores"), f) for f in outcome.files]
    return paths
