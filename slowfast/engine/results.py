"""What a test leaves behind.

In OUTPUT_DIR, with many labels, a table with a row a class. Below it, where TEST.SAVE_RESULTS_PATH
says: upstream's pickle of [predictions, labels], a CSV with a row a clip, and a JSON with the
figures and how they came about. With several numbers of views each has its own files.
"""

import csv
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.classes import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.metrics import average_precision
from slowfast.ak.per_class import ClassResult, class_results, write_class_results
from slowfast.utils import distributed
from slowfast.utils.checkpoint import LoadedWeights


@dataclass
class Outcome:
    """One test: ``scores`` (N, C) and ``targets`` (N, C) or (N,) in the order of the list.

    per_class: empty with one label a clip. files: what was written, by what it is.
    """

    views: str
    scores: torch.Tensor
    targets: torch.Tensor
    stats: dict
    clips: object
    classes: ClassTable | None
    weights: LoadedWeights
    per_class: list[ClassResult] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.targets.ndim == 2:
            scores, targets = self.scores.numpy(), self.targets.numpy()
            ap = average_precision(scores, targets)
            self.per_class = class_results(ap, targets.sum(axis=0), self.classes)


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


def save_results(cfg: CfgNode, outcome: Outcome, several: bool) -> None:
    """Writes the table of classes, and pickle, CSV and JSON where TEST.SAVE_RESULTS_PATH asks for
    them; the outcome's ``files`` name what was written.

    Args:
        several: whether more than one number of views is tested; then each has its own files.

    Raises:
        UserError: where they cannot be written.
    """
    views = f"_{cfg.TEST.NUM_ENSEMBLE_VIEWS}x{cfg.TEST.NUM_SPATIAL_CROPS}" if several else ""
    if outcome.per_class:
        path = Path(cfg.OUTPUT_DIR) / f"per_class_ap{views}.csv"
        try:
            write_class_results(path, outcome.per_class)
        except OSError as error:
            raise UserError(f"OUTPUT_DIR: {path} cannot be written ({error.strerror}).") from None
        outcome.files["classes"] = path
    if not cfg.TEST.SAVE_RESULTS_PATH:
        return
    path = _results_path(cfg)
    path = path.with_name(f"{path.stem}{views}{path.suffix}")
    files = {
        "scores": path,
        "clips": path.with_suffix(".csv"),
        "summary": path.with_suffix(".json"),
    }
    try:
        with path.open("wb") as file:
            pickle.dump([outcome.scores, outcome.targets], file)
        _write_csv(files["clips"], outcome)
        summary = json.dumps(_summary(cfg, outcome), indent=2)
        files["summary"].write_text(summary + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(error, path) from None
    outcome.files |= files


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
        "per_class": str(outcome.files.get("classes", "")) or None,
    }
